"""Values of every kind: what has to be gone from the output."""

import base64
import datetime as dt
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.corpus.drawing import as_ascii, digits, fill, grouped, luhn_digit
from tests.corpus.locales import Locale
from tests.corpus.national import MAKERS

Draw = random.Random


@dataclass(frozen=True)
class Value:
    """One value, and what a tool would call it."""

    kind: str
    text: str
    keys: tuple[str, ...]
    """Names of fields that hold such a value."""
    label: str
    """What stands before it in prose."""
    is_strong: bool = True
    """It shows what it is; a weak one stands only beside one of its names."""
    hidden: str = ""
    """What has to be gone, where that is not all of the text."""


def email(draw: Draw, locale: Locale) -> Value:
    first, last = (as_ascii(draw.choice(one)).lower() for one in (locale.first, locale.last))
    last = last.replace(" ", "")
    local = draw.choice(
        (f"{first}.{last}", f"{first[0]}_{last}", f"{first}-{last}{digits(draw, 2)}")
    )
    local += draw.choice(("", "", "+news"))
    text = f"{local}@{draw.choice(locale.domains)}"
    keys = ("email", "e_mail", "contactEmail", "mail")
    return Value("email", draw.choice((text, text, text.title())), keys, "E-mail")


def phone(draw: Draw, locale: Locale) -> Value:
    patterns = (*locale.phones, *locale.bare_phones)
    pattern = draw.choice(patterns)
    text = fill(draw, pattern, "#N")
    keys = ("phone", "mobile", "phoneNumber", "tel", "contact_phone")
    return Value("phone", text, keys, locale.phone_label, pattern in locale.phones)


def card(draw: Draw, _locale: Locale) -> Value:
    prefix, length, groups = draw.choice(
        (
            ("4", 16, (4, 4, 4, 4)),
            (str(draw.randrange(51, 56)), 16, (4, 4, 4, 4)),
            (str(draw.randrange(2221, 2721)), 16, (4, 4, 4, 4)),
            ("37", 15, (4, 6, 5)),
            ("6011", 16, (4, 4, 4, 4)),
            ("36", 14, (4, 6, 4)),
            ("3530", 16, (4, 4, 4, 4)),
            ("6759", 16, (4, 4, 4, 4)),
            ("2131", 15, (4, 6, 5)),
        )
    )
    body = prefix + digits(draw, length - 1 - len(prefix))
    number = body + luhn_digit(body)
    text = grouped(number, groups, draw.choice(("", " ", "-")))
    return Value("card", text, ("card", "card_number", "pan", "cardNumber", "cc"), "Card")


def iban(draw: Draw, locale: Locale) -> Value:
    body = fill(draw, locale.account, "#A^")
    check = 98 - int("".join(str(int(one, 36)) for one in f"{body}{locale.code}00")) % 97
    number = f"{locale.code}{check:02d}{body}"
    spaced = grouped(number, (4,) * (len(number) // 4), " ")
    text = draw.choice((number, spaced.strip(), number.lower()))
    return Value("iban", text, ("iban", "account", "bankAccount"), "IBAN")


def uk_nino(draw: Draw, _locale: Locale) -> Value:
    while True:
        prefix = draw.choice("ABCEGHJKLMNOPRSTWXYZ") + draw.choice("ABCEGHJKLMNPRSTWXYZ")
        if prefix not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}:
            break
    parts = (prefix, *(digits(draw, 2) for _ in range(3)), draw.choice("ABCD"))
    text = draw.choice(("", " ", "-")).join(parts)
    keys = ("nino", "ni_number", "nationalInsuranceNumber")
    return Value("uk_nino", text, keys, "National Insurance number")


def national_id(draw: Draw, locale: Locale) -> Value:
    number = MAKERS[locale.code](draw)
    return Value("national_id", number.text, locale.id_keys, locale.id_label, number.is_strong)


def birth(draw: Draw, locale: Locale) -> Value:
    day = dt.date(draw.randrange(1935, 2008), draw.randrange(1, 13), draw.randrange(1, 29))
    text = day.strftime(draw.choice((locale.date, locale.date, "%Y-%m-%d")))
    return Value("person", text, locale.birth_keys, locale.birth_label, is_strong=False)


def ip(draw: Draw, _locale: Locale) -> Value:
    four = ".".join(str(draw.randrange(1, 255)) for _ in range(4))
    six = ":".join(fill(draw, "hhhh", "h") for _ in range(8))
    text = draw.choice((four, four, six, f"2001:db8::{fill(draw, 'hhhh:hhhh', 'h')}"))
    return Value("ip", text, ("client_ip", "remote_addr", "ip"), "IP")


SECRETS = (
    *("sk-proj-" + "*" * 48, "sk-ant-api03-" + "~" * 93 + "AA", "AKIA" + "^" * 16),
    *(
        "ASIA" + "^" * 16,
        "ghp_" + "*" * 36,
        "gho_" + "*" * 36,
        "github_pat_" + "*" * 22 + "_" + "*" * 59,
    ),
    *(
        "glpat-" + "*" * 20,
        "xoxb-###########-############-" + "*" * 24,
        "xapp-1-A" + "^" * 10 + "-" + "#" * 13,
    ),
    *("sk_live_" + "*" * 24, "rk_live_" + "*" * 24, "whsec_" + "*" * 32, "AIza" + "~" * 35),
    *(
        "ya29." + "~" * 60,
        "GOCSPX-" + "~" * 28,
        "npm_" + "*" * 36,
        "pypi-AgEIcHlwaS5vcmc" + "~" * 60,
    ),
    *("hf_" + "*" * 34, "dckr_pat_" + "~" * 27, "SG." + "~" * 22 + "." + "~" * 43, "SK" + "=" * 32),
    *(
        "shpat_" + "=" * 32,
        "dop_v1_" + "=" * 64,
        "dapi" + "=" * 32,
        "hvs." + "~" * 24,
        "lin_api_" + "*" * 40,
    ),
    *(
        "ntn_" + "*" * 43,
        "glsa_" + "*" * 32 + "_" + "=" * 8,
        "NRAK-" + "^" * 27,
        "sntrys_" + "*" * 60,
    ),
    *(
        "key-" + "=" * 32,
        "sq0atp-" + "~" * 22,
        "xkeysib-" + "=" * 64 + "-" + "*" * 16,
        "PMAK-" + "=" * 24 + "-" + "=" * 34,
    ),
    *(
        "gsk_" + "*" * 52,
        "pplx-" + "*" * 48,
        "r8_" + "*" * 37,
        "xai-" + "*" * 80,
        "sbp_" + "=" * 40,
    ),
    *(
        "figd_" + "~" * 40,
        "ATATT3xFfGF0" + "~" * 60,
        "pscale_tkn_" + "~" * 43,
        "########:AA" + "~" * 33,
    ),
    *(
        "LTAI" + "*" * 20,
        "tfp_" + "*" * 40,
        "rubygems_" + "=" * 48,
        "pul-" + "=" * 40,
        "doo_v1_" + "=" * 64,
    ),
    *("https://hooks.slack.com/services/T" + "^" * 8 + "/B" + "^" * 10 + "/" + "*" * 24,),
)
WORDS_OF_PASSWORDS = ("Sommer", "winter", "Dragon", "Qwe", "correct", "Pass", "liverpool")


def _jwt(draw: Draw) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    claims = json.dumps({"sub": digits(draw, 6), "iat": 1795616400}).encode()
    body = base64.urlsafe_b64encode(claims).decode().rstrip("=")
    return f"{header}.{body}.{fill(draw, 'b' * 43, 'b')}"


def _private_key(draw: Draw) -> str:
    kind = draw.choice(("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "))
    lines = "\n".join(fill(draw, "*" * 64, "*") for _ in range(draw.randrange(2, 6)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _password(draw: Draw) -> str:
    return draw.choice(WORDS_OF_PASSWORDS) + fill(draw, "##*!", "#*")


def secret(draw: Draw, _locale: Locale) -> Value:
    """Draw what shows that it is a secret."""
    sort = draw.random()
    if sort < 0.12:
        text = _jwt(draw)
    elif sort < 0.2:
        text = _private_key(draw)
    else:
        text = fill(draw, draw.choice(SECRETS), "#^*~=")
    return Value("secret", text, ("value", "note", "config", "stdout"), "Credential")


def named_secret(draw: Draw, _locale: Locale) -> Value:
    """Draw what only its name tells: passwords, random keys."""
    text = draw.choice((_password(draw), fill(draw, "b" * 32, "b"), fill(draw, "h" * 40, "h")))
    keys = (
        *("password", "DB_PASSWORD", "api_key", "apiKey", "client_secret", "clientSecret"),
        *("access_token", "refreshToken", "aws_secret_access_key", "AZURE_CLIENT_SECRET"),
        *("private_key", "X-Api-Key", "secretKey", "auth_token", "encryption_key"),
    )
    return Value("secret", text, keys, "password", is_strong=False)


def url_with_credentials(draw: Draw, locale: Locale) -> Value:
    scheme = draw.choice(("postgresql", "mongodb+srv", "redis", "amqp", "https", "mysql", "ftp"))
    password = draw.choice((_password(draw), fill(draw, "b" * 20, "b")))
    user = as_ascii(draw.choice(locale.first)).lower()
    text = f"{scheme}://{user}:{password}@db.internal.example:5432/shop"
    return Value("secret", text, ("url", "dsn", "database_url"), "URL", hidden=password)


MAKERS_BY_TYPE: dict[str, Callable[[Draw, Locale], Value]] = {
    "birth date": birth,
    "card": card,
    "email": email,
    "iban": iban,
    "ip": ip,
    "national id": national_id,
    "phone": phone,
    "secret": secret,
    "secret by name": named_secret,
    "uk nino": uk_nino,
    "url with credentials": url_with_credentials,
}
