"""Icons: one line each, in the colour of the text that they stand with; a word always stands beside."""

from typing import Final

from tallystick_dashboard.markup import Markup, tag

_PATHS: Final = {
    "seal": "M8 1.5l5 2v4c0 3.2-2.1 5.6-5 7-2.9-1.4-5-3.8-5-7v-4zM5.5 8l2 2 3.2-3.6",
    "ok": "M3.5 8.5l3 3 6-7",
    "failed": "M4 4l8 8M12 4l-8 8",
    "denied": "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM4 4l8 8",
    "warn": "M8 2.2L14.5 13.5h-13zM8 6.5v3.2M8 11.4v.4",
    "clock": "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.8V8l2.4 1.6",
    "open": "M5 7V5a3 3 0 0 1 5.8-1M3.5 7h9v6.5h-9z",
    "recovered": "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
    "derived": "M3 3v6h9M9 6l3 3-3 3",
    "corrupt": "M8 1.5l5 2v4c0 3.2-2.1 5.6-5 7-2.9-1.4-5-3.8-5-7v-4zM6 6l4 4M10 6l-4 4",
    "unknown": "M6 6a2 2 0 1 1 2.6 1.9c-.4.2-.6.5-.6 1V9.5M8 11.6v.3",
    "mask": "M2 8s2.2-3.8 6-3.8S14 8 14 8s-2.2 3.8-6 3.8S2 8 2 8zM3 13L13 3",
}


def icon(name: str) -> Markup:
    """Return an icon; readers of screens skip it, the word beside it says the same."""
    path = tag("path", d=_PATHS[name])
    return tag("svg", path, cls="ts-icon", viewBox="0 0 16 16", aria_hidden="true")
