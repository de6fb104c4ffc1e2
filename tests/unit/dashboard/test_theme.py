"""Both palettes can be read: contrast as WCAG 2.2 computes it, of each text on each ground."""

import re
from pathlib import Path

import pytest

from tallystick_dashboard import document, theme

STYLE = Path(document.__file__).with_name("door").joinpath("screens.css").read_text("utf-8")
GROUNDS = ("ground", "raised")
TEXTS = ("text", "quiet", "link", "bad", "warn", "good")
ENOUGH = 4.5


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def palette(number: int) -> dict[str, str]:
    found = re.findall(r"--ts-([a-z-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLE)
    return {name: colours[number] for name, *colours in found}


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read_on_every_ground(number: int) -> None:
    colours = palette(number)
    pairs = [(text, ground) for text in TEXTS for ground in GROUNDS]
    pairs += [(name, f"{name}-soft") for name in ("bad", "warn", "good")]
    pairs += [("quiet", f"{name}-soft") for name in ("bad", "warn", "good")]
    poor = {pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < ENOUGH}
    assert poor == set()


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_words_on_a_button_can_be_read(colours: dict[str, str]) -> None:
    assert contrast("#ffffff", colours["primaryColor"]) >= ENOUGH
    for name in ("textColor", "linkColor", "redColor", "orangeColor", "greenColor", "grayColor"):
        assert contrast(colours[name], colours["backgroundColor"]) >= ENOUGH, name


def test_the_style_sheet_and_the_theme_have_the_same_grounds_and_texts() -> None:
    for number, colours in enumerate((theme.LIGHT, theme.DARK)):
        ours = palette(number)
        assert (ours["ground"], ours["raised"], ours["text"]) == (
            colours["backgroundColor"],
            colours["secondaryBackgroundColor"],
            colours["textColor"],
        )
        assert ours["link"] == colours["linkColor"]
