"""The document that carries the screens: Streamlit's own page with our title, mark and style sheet.

Its content security policy allows scripts from this dashboard, and of the inline ones exactly those
that stand in the document: their hashes are computed from it, so an update of Streamlit needs no edit.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

import streamlit

from tallystick.errors import ConfigError

DOOR: Final = "/door"
"""Where our own files are served."""
_SHIPPED: Final = Path(streamlit.__file__).parent / "static" / "index.html"
_SCRIPT: Final = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
_DROPPED: Final = (
    re.compile(r"<!--.*?-->\s*", re.DOTALL),
    re.compile(r'<link\s+rel="service-desc"[^>]*>\s*'),
    re.compile(r'<link\s+rel="preload"[^>]*as="font"[^>]*>\s*', re.DOTALL),
    re.compile(r"<noscript>.*?</noscript>", re.DOTALL),
)
"""Comments, a pointer to an interface that is off, a font that no screen uses, an advert for the former."""
_FIRST: Final = f'<head><script src="{DOOR}/base.js"></script>'
_LAST: Final = (
    f'<link rel="stylesheet" href="{DOOR}/screens.css">'
    f'<script defer src="{DOOR}/page.js"></script></head>'
)
_NO_SCRIPT: Final = (
    "<body><noscript><p>The dashboard needs JavaScript. Without it: tallystick actions, "
    "tallystick trace, tallystick export.</p></noscript>"
)


def document(shipped: Path = _SHIPPED) -> str:
    """Return the document; raise ConfigError where Streamlit ships none that we know how to use."""
    try:
        page = shipped.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"Streamlit is not installed whole: {error.strerror}: {shipped}"
        ) from None
    for part in _DROPPED:
        page = part.sub("", page)
    page = re.sub(r"<title>.*?</title>", "<title>Tallystick</title>", page)
    page = page.replace("./favicon.png", f"{DOOR}/mark.svg")
    page = page.replace("<head>", _FIRST, 1).replace("</head>", _LAST, 1)
    page = page.replace("<body>", _NO_SCRIPT, 1)
    if '<div id="root">' not in page or _FIRST not in page or _LAST not in page:
        raise ConfigError(
            "this version of Streamlit has a page that the dashboard does not know; "
            "install the version of requirements.lock"
        )
    return page


def script_hashes(page: str) -> list[str]:
    """Return a CSP source for each inline script of a page."""
    bodies = [
        found["body"] for found in _SCRIPT.finditer(page) if "src=" not in found["attributes"]
    ]
    digests = [base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies]
    return [f"'sha256-{digest}'" for digest in digests]


def content_security_policy(page: str, host: str) -> str:
    """Return the policy of the screens; `host` was checked and is what the websocket is opened to."""
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self'", *script_hashes(page))),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' ws://{host} wss://{host}",
            "worker-src 'self' blob:",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'self'",
            "object-src 'none'",
        )
    )


PLAIN_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""The policy of our own plain pages and of everything that is no page."""
