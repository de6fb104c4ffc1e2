"""Secrets that show what they are: issuers' prefixes, JWTs, private keys, URLs and headers with credentials."""

import re
from collections.abc import Iterator
from typing import Final

from tallystick.masking import kinds
from tallystick.masking.hits import Hit
from tallystick.masking.subject import Subject

# Each issuer's documented prefix and the least that follows it. A new issuer is one more line.
_ISSUED: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic and others
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{22,}"
    r"|gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|oas)-[A-Za-z0-9_.-]{16,}"  # GitLab
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"  # Slack
    r"|[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}"  # Stripe
    r"|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}"  # Google
    r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{40,}|hf_[A-Za-z0-9]{30,}|dckr_pat_[A-Za-z0-9_-]{20,}"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|SK[0-9a-f]{32}(?![0-9a-z])"  # SendGrid, Twilio
    r"|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|dop_v1_[0-9a-f]{40,}|dapi[0-9a-f]{32}|hv[sb]\.[A-Za-z0-9_-]{20,}"
    r"|lin_api_[A-Za-z0-9]{30,}|ntn_[A-Za-z0-9]{30,}|AGE-SECRET-KEY-1[A-Z0-9]{40,}"
    r"|key-[0-9a-f]{32}(?![0-9a-z])|sq0[a-z]{3}-[A-Za-z0-9_-]{20,}|xkeysib-[0-9a-f]{40,}(?:-[A-Za-z0-9]+)?"
    r"|PMAK-[0-9a-f]{24}-[0-9a-f]{34}|gsk_[A-Za-z0-9]{32,}|pplx-[A-Za-z0-9]{32,}|r8_[A-Za-z0-9]{32,}"
    r"|xai-[A-Za-z0-9]{32,}|sbp_[0-9a-f]{32,}|figd_[A-Za-z0-9_-]{20,}|tvly-[A-Za-z0-9-]{16,}|nvapi-[A-Za-z0-9_-]{40,}"
    r"|AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=+/-]{20,}|pscale_[a-z]{2,6}_[A-Za-z0-9_.-]{20,}|LTAI[A-Za-z0-9]{12,}"
    r"|(?:tfp|rubygems|nfp|rnd|duffel|shippo|jina)_[A-Za-z0-9_]{20,}|pul-[0-9a-f]{40}|do[ort]_v1_[0-9a-f]{40,}"
    r"|gl(?:sa|c)_[A-Za-z0-9_+/=]{20,}|NR(?:AK|RA|II|JS)-[A-Za-z0-9-]{20,}|sntry[su]_[A-Za-z0-9_+/=-]{20,}"
    r"|dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{40,}|fm[12][ar]?_[A-Za-z0-9+/=_-]{40,}|EZ[AT]K[A-Za-z0-9]{40,}"
    r"|CFPAT-[A-Za-z0-9_-]{30,}|dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{30,}|HRKU-[A-Za-z0-9_-]{30,}"
    r"|lin_oauth_[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{40,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|AQVN[A-Za-z0-9_-]{30,}"
    r"|1//0[A-Za-z0-9_-]{30,}|[A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,34}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{40,}"
    r"|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"  # Discord
    r"|(?<=[0-9]:)AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"  # Telegram
    r"|hooks\.slack\.com/services/[A-Za-z0-9/]{20,}|discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{40,}"
    r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}"  # JWT, JWE
    r")"
)
_SHORTEST_ISSUED: Final = 15
_AMAZON_SECRET: Final = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[0-9A-Za-z/+]{40}")
"""Beside the id of an access key: without it, any forty characters look so."""
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----(?s:.*?)(?:-----END[A-Z0-9 ]{0,60}-----|\Z)"
)
_URL_USER: Final = re.compile(r"://([^\s/?#\"'<>@\[\]]{1,1024})@(?=[\w\[%])")
_TOKEN_AS_USER: Final = 16
_AFTER_SCHEME: Final = re.compile(
    r"\b(?:bearer|basic|digest|negotiate|apikey)[ \t]{1,4}([0-9A-Za-z_+/=.~-]{8,})", re.IGNORECASE
)
_LONG_ENOUGH: Final = 24


def find_issued(subject: Subject) -> Iterator[Hit]:
    """Find secrets by the prefix of who issues them."""
    for run in subject.runs:
        if run.end() - run.start() >= _SHORTEST_ISSUED:
            for secret in _ISSUED.finditer(subject.text, *run.span()):
                yield Hit(*secret.span(), kinds.SECRET)
    if "AKIA" in subject.text or "ASIA" in subject.text:
        for run in subject.runs:
            if _AMAZON_SECRET.fullmatch(run[0]):
                yield Hit(*run.span(), kinds.SECRET)


def find_private_keys(subject: Subject) -> Iterator[Hit]:
    """Find armoured private keys; one without an end goes on to the end of the text."""
    for block in _PRIVATE_KEY.finditer(subject.text):
        yield Hit(*block.span(), kinds.SECRET)


def find_url_users(subject: Subject) -> Iterator[Hit]:
    """Find `user:password` before the host; a name alone stays, unless it is long enough for a token."""
    for match in _URL_USER.finditer(subject.text):
        user = match[1]
        if ":" in user or len(user) >= _TOKEN_AS_USER:
            yield Hit(*match.span(1), kinds.SECRET)


def find_after_schemes(subject: Subject) -> Iterator[Hit]:
    """Find what follows the name of an HTTP authentication scheme."""
    for match in _AFTER_SCHEME.finditer(subject.text):
        if looks_random(match[1]):
            yield Hit(*match.span(1), kinds.SECRET)


def looks_random(text: str) -> bool:
    """Whether a word is unlike one of a sentence: digits, capitals inside, padding, or very long."""
    return len(text) >= _LONG_ENOUGH or not text.isalpha() or text[1:] != text[1:].lower()
