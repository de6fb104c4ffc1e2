"""The integrity strip: in one line, what the last check of the log found, and when."""

import time
from collections.abc import Mapping
from typing import Any, Final

from tallystick_dashboard.amounts import moment
from tallystick_dashboard.icons import Icon, icon
from tallystick_dashboard.markup import Markup, tag

Shape = Mapping[str, Any]

_US: Final = 1_000_000
_UNITS_S: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
VERIFIED, BROKEN, UNPROVEN = 0, 1, 2
"""Exit codes of the verifier: docs/spec/verify.md."""


def drawn(verification: Shape, now_us: int | None = None) -> Markup:
    """Return the strip; it links to the page that says more."""
    tone, image, head, rest = _told(verification)
    now = time.time_ns() // 1_000 if now_us is None else now_us
    at_us = verification.get("at_us")
    when = (
        None if at_us is None else tag("span", _ago(at_us, now), title=moment(at_us), cls="ts-when")
    )
    return tag(
        "a",
        icon(image),
        tag("strong", head),
        tag("span", rest),
        when,
        cls=f"ts-strip ts-{tone}",
        href="/integrity",
        target="_self",
    )


def _told(found: Shape) -> tuple[str, Icon, str, str]:
    """Return tone, icon, headline and the rest of the sentence."""
    code, size = found.get("exit_code"), found.get("checkpoint")
    running = " A new check is running." if found["state"] == "running" else ""
    if code == BROKEN:
        count = sum(step["found"] for step in found["steps"])
        return "bad", "corrupt", "The log does not verify", f"{count:,} faults found.{running}"
    if code == VERIFIED:
        return "good", "seal", f"Verified to checkpoint {size:,}", f"{_extent(found)}{running}"
    if code == UNPROVEN:
        said = f"No trusted key vouches for it.{running}"
        return "warn", "warn", f"Consistent to checkpoint {size or 0:,}", said
    if found["state"] == "failed":
        return "warn", "warn", "No verdict", f"The check did not finish: {found.get('error') or ''}"
    if found["state"] == "running":
        return "plain", "clock", "Being verified", "The first check is running."
    return "plain", "clock", "Not verified yet", "The service checks its log soon after its start."


def _extent(found: Shape) -> str:
    """Say whose check it was and what it left out: a pass never covers what was not looked at."""
    left = [step["name"] for step in found["steps"] if step["not_checked"] or not step["checked"]]
    without = f", which did not cover: {', '.join(left)}" if left else ""
    return f"No fault found by the service's own check{without}."


def _ago(at_us: int, now_us: int) -> str:
    """Return how long ago, in one whole unit: nobody needs the seconds of an hour."""
    passed_s = max(0, now_us - at_us) // _US
    for seconds, unit in _UNITS_S:
        if passed_s >= seconds:
            return f"{passed_s // seconds:,} {unit} ago"
    return "just now"
