"""Our components: a waterfall, the stages of a call, a panel of facts. JavaScript without a framework.

Their files are packaged and served by Streamlit under `/_stcore/bidi-components/tallystick.<name>/`,
so that a content security policy needs neither `unsafe-inline` nor `blob:`.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

PROJECT: Final = "tallystick"
NAMES: Final = ("waterfall", "stages", "panel")
ROOT: Final = Path(__file__).resolve().parent
ASSETS: Final = "assets"


class Choice(NamedTuple):
    """The row that is selected in a waterfall, and the rows on the screen at that moment, by their ids."""

    id: str
    near: tuple[str, ...]


def waterfall(rows: Mapping[str, Any], key: str) -> Choice | None:
    """Draw the waterfall of a trace; return what is selected in it."""
    state = _component("waterfall")(
        data=rows, key=key, default={"selected": None}, on_selected_change=_rerun
    )
    return _choice(state.get("selected"))


def _choice(selected: object) -> Choice | None:
    """Read what the browser says; whatever else it says is no choice."""
    if not isinstance(selected, Mapping) or not isinstance(selected.get("id"), str):
        return None
    near = selected.get("near")
    named = near if isinstance(near, list) else []
    return Choice(selected["id"], tuple(one for one in named if isinstance(one, str)))


def stages(call: str, hint: str, cards: Sequence[Mapping[str, Any]], key: str) -> None:
    """Draw the five stages of one call."""
    _component("stages")(data={"call": call, "hint": hint, "stages": list(cards)}, key=key)


def panel(blocks: Sequence[Mapping[str, Any]], key: str) -> None:
    """Draw blocks of facts, see `facts`."""
    _component("panel")(data={"blocks": list(blocks)}, key=key)


def _rerun() -> None:
    """Let a new selection run the fragment again: that Streamlit does by itself."""


def _component(name: str) -> ComponentRenderer:
    """Return a component of ours, made known to the runtime that runs this script.

    Streamlit finds packaged components by the name of their distribution and looks into the package of
    that name alone, which is the SDK; so ours are handed to it here, installed or editable.
    """
    manager = get_bidi_component_manager()
    if manager.get_component_path(f"{PROJECT}.{name}") is None:
        manager.register_from_manifest(_manifest(), ROOT)
    return _renderer(name)


def _manifest() -> ComponentManifest:
    parts = [ComponentConfig(name, asset_dir=ASSETS) for name in NAMES]
    return ComponentManifest(PROJECT, version(PROJECT), parts)


@cache
def _renderer(name: str) -> ComponentRenderer:
    renderer: ComponentRenderer = st.components.v2.component(
        f"{PROJECT}.{name}",
        html=f'<div class="tally {name}"></div>',
        css=f"{name}.css",
        js=f"{name}.js",
    )
    return renderer
