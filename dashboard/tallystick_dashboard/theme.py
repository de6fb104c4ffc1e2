"""How the screens look: two palettes, one scale, and Streamlit's own furniture out of the way.

Hue says what kind a thing is; how it ended is an icon, a word and an outline. Contrast of every pair of
text and ground is at least 4.5 (tests compute it). The system's preference chooses the palette.
"""

from collections.abc import Mapping
from typing import Any, Final

_SANS: Final = "Inter, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
_MONO: Final = (
    "'JetBrains Mono', ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
)

_SHARED: Final[Mapping[str, Any]] = {
    "font": _SANS,
    "codeFont": _MONO,
    "headingFont": _SANS,
    "baseFontSize": 14,
    "baseRadius": "6px",
    "buttonRadius": "6px",
    "showWidgetBorder": True,
    "showSidebarBorder": True,
    "metricValueFontSize": "1.4rem",
    "headingFontSizes": ["20px", "16px", "14px", "14px", "13px", "12px"],
    "headingFontWeights": [600, 600, 600, 600, 600, 600],
    "paddingTop": "4.25rem",
    "paddingBottom": "3rem",
    "linkUnderline": False,
}
LIGHT: Final[Mapping[str, str]] = {
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f5f7fa",
    "textColor": "#1b212b",
    "borderColor": "#dfe3ea",
    "primaryColor": "#1f5fd6",
    "linkColor": "#1f5fd6",
    "redColor": "#c62836",
    "orangeColor": "#8f5c00",
    "yellowColor": "#8f5c00",
    "greenColor": "#0e7560",
    "blueColor": "#1f5fd6",
    "violetColor": "#7c5cd6",
    "grayColor": "#5a6472",
    "codeBackgroundColor": "#f5f7fa",
    "codeTextColor": "#1b212b",
}
DARK: Final[Mapping[str, str]] = {
    "backgroundColor": "#0f1216",
    "secondaryBackgroundColor": "#171b21",
    "textColor": "#e3e7ed",
    "borderColor": "#2a303a",
    "primaryColor": "#2f6fe0",
    "linkColor": "#78aaff",
    "redColor": "#ff6b76",
    "orangeColor": "#e3a93c",
    "yellowColor": "#e3a93c",
    "greenColor": "#2fbf9b",
    "blueColor": "#5b9dff",
    "violetColor": "#a78bfa",
    "grayColor": "#9aa4b2",
    "codeBackgroundColor": "#171b21",
    "codeTextColor": "#e3e7ed",
}
_FURNITURE: Final[Mapping[str, Any]] = {
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.showSidebarNavigation": False,
    "browser.gatherUsageStats": False,
    "logger.level": "warning",
}


def options() -> dict[str, Any]:
    """Return Streamlit's options of look and manner."""
    shown = {f"theme.{name}": value for name, value in _SHARED.items()}
    shown |= {f"theme.light.{name}": value for name, value in LIGHT.items()}
    shown |= {f"theme.dark.{name}": value for name, value in DARK.items()}
    return {**shown, **_FURNITURE}
