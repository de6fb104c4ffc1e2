"""The name of the model behind an agent, in the forms in which frameworks hold it."""

import pytest

from tallystick.instrument.framework_model import name_of_model


class Named:
    model = "m-2"


class Broken:
    @property
    def model(self) -> str:
        raise RuntimeError("no model")


class Numbered:
    model = 7


@pytest.mark.parametrize(
    ("models", "name"),
    [
        (["m-1", Named()], "m-1"),
        ([None, Named()], "m-2"),
        ([None, None], None),
        ([""], None),
        ([Broken(), "m-1"], None),
        ([Numbered()], None),
        ([object()], None),
        ([], None),
    ],
)
def test_the_first_model_there_is_gives_the_name(models: list[object], name: str | None) -> None:
    assert name_of_model(models, "model") == name
