r"""Characters that a person who reviews a definition does not see, and a model reads.

Each pattern names what it finds by one kind. What honest texts hold passes: joiners inside emoji and
between letters of scripts that join, direction marks beside right-to-left letters, selectors behind a
symbol. Sources: Unicode 16, UAX #9 (bidi), UAX #44 (Default_Ignorable_Code_Point), UTS #39 (mixed scripts), UTS #51
(emoji sequences); ECMA-48 for escapes.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Final

BIDI: Final = "bidi_control"
INVISIBLE: Final = "invisible_character"
TAG: Final = "tag_character"
SELECTOR: Final = "variation_selector"
ESCAPE: Final = "ansi_escape"
CONTROL: Final = "control_character"
PRIVATE: Final = "private_use"
WHITESPACE: Final = "whitespace_run"
COMMENT: Final = "html_comment"
LOOKALIKE: Final = "lookalike_name"

RUN_COLUMNS: Final = 100
"""Blanks in a row that push text out of a window; the widest that we saw in real definitions is 28."""
RUN_LINES: Final = 20

_CONTROLS: Final = "\u202a-\u202e\u2066-\u2069"
_MARKS: Final = "\u061c\u200e\u200f"
_RTL: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff]")
_JOINING: Final = "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af"
"""Letters between which a joiner or non-joiner is spelling: Arabic, Indic, Myanmar, Khmer, Mongolian."""
_EMOJI: Final = "\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\u00a9\u00ae"
_KEYCAP: Final = "#*0-9"

_FLAGS: Final = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{3,6}\U000e007f")
_EMOJI_JOINER: Final = re.compile(f"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])")
_LETTER_JOINER: Final = re.compile(f"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}]|\\W|$)")
_SHOWN_SELECTOR: Final = re.compile(
    f"(?<=[{_EMOJI}{_KEYCAP}\u2000-\u2bff])[\ufe0e\ufe0f]"
    "|(?<=[\u2200-\u22ff\u3000-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\ufe00-\ufe0d\U000e0100-\U000e01ef]"
    "|(?<=[\u1820-\u18aa])[\u180b-\u180d]"
)
_HONEST: Final = (_FLAGS, _EMOJI_JOINER, _LETTER_JOINER, _SHOWN_SELECTOR)

_PATTERNS: Final[Mapping[str, re.Pattern[str]]] = {
    BIDI: re.compile(f"[{_CONTROLS}]"),
    TAG: re.compile("[\U000e0000-\U000e007f]"),
    SELECTOR: re.compile("[\ufe00-\ufe0f\u180b-\u180d\U000e0100-\U000e01ef]"),
    INVISIBLE: re.compile(
        "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u2800"
        "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e00ff"
        "\U000e01f0-\U000e0fff]"
    ),
    ESCAPE: re.compile("[\x1b\x9b\x90\x9d]"),
    CONTROL: re.compile(
        "[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x8f\x91-\x9a\x9c\x9e\x9f\u2028\u2029\ud800-\udfff]"
    ),
    PRIVATE: re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff\ufdd0-\ufdef\ufffe\uffff]"),
}
_BLANKS: Final = re.compile(r"\s{20,}")
_COMMENT: Final = re.compile(r"<!--([^<>]{0,4000}?)-->")
_WORD: Final = re.compile(r"[^\W\d_]+")
_CASED: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")
"""Scripts whose letters pass for one another's."""


def hidden_in(text: str) -> Counter[str]:
    """Count what is hidden in a text, by kind. Linear; about 1 µs a 100 characters of plain ASCII."""
    found: Counter[str] = Counter()
    if (
        text.isascii()
        and text.isprintable()
        and "<!--" not in text
        and " " * RUN_COLUMNS not in text
    ):
        return found
    shown = text
    if not text.isascii():
        for honest in _HONEST:
            shown = honest.sub("", shown)
        marks = len(re.findall(f"[{_MARKS}]", shown))
        if marks and not _RTL.search(shown):
            found[BIDI] += marks
    for kind, pattern in _PATTERNS.items():
        found[kind] += sum(1 for _ in pattern.finditer(shown))
    found[WHITESPACE] = sum(1 for run in _BLANKS.finditer(shown) if _pushes_away(run, shown))
    found[COMMENT] = sum(1 for said in _COMMENT.findall(shown) if len(_WORD.findall(said)) > 1)
    return +found


def lookalikes_in(name: str) -> int:
    """Count words of a name that mix scripts whose letters look alike, or that have a plainer spelling."""
    if name.isascii():
        return 0
    return sum(1 for word in _WORD.findall(name) if _is_lookalike(word))


def visible(text: str) -> str:
    """Return a text as a model may understand it: without what is invisible, tags as their letters."""
    if text.isascii():
        return text
    spelled = "".join(map(_spelled, text))
    return unicodedata.normalize("NFKC", spelled).translate(_LOOKALIKES)


def _pushes_away(run: re.Match[str], text: str) -> bool:
    """Tell whether text stands behind a run of blanks, out of the window of whoever reads what is before it."""
    lines = run.group().split("\n")
    is_long = len(lines) > RUN_LINES or max(map(len, lines)) >= RUN_COLUMNS
    return is_long and run.end() < len(text)


def _is_lookalike(word: str) -> bool:
    if unicodedata.normalize("NFKC", word) != unicodedata.normalize("NFC", word):
        return True  # full-width, mathematical or circled letters
    scripts = {script for letter in word for script in _CASED if _name(letter).startswith(script)}
    return len(scripts) > 1


def _name(letter: str) -> str:
    return unicodedata.name(letter, "")


def _spelled(char: str) -> str:
    code = ord(char)
    if _TAG_START <= code < _TAG_END:
        return chr(code - _TAG_START) if code > _TAG_START + 0x1F else ""
    return "" if unicodedata.category(char) in _DROPPED or _UNSEEN.match(char) else char


_TAG_START: Final = 0xE0000
_TAG_END: Final = 0xE007F
_DROPPED: Final = ("Cf", "Co", "Cs", "Mn")
_UNSEEN: Final = re.compile(f"{_PATTERNS[SELECTOR].pattern}|{_PATTERNS[INVISIBLE].pattern}")
_LOOKALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u0461\u03bf\u03b1"
    "\u03bd\u0399\u039f\u0391\u0395\u0392\u0397\u039a\u039c\u039d\u03a1\u03a4\u03a7\u0410\u0412"
    "\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0405\u2018\u2019\u201c\u201d",
    "aeopcyxijsdqwoavIOAEBHKMNPTXABEKMHOPCTXIS''\"\"",
)
"""Cyrillic and Greek letters, and curly quotes, to what they look like."""
