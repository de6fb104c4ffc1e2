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


class Inside:
    """A model that names itself in an object of its own."""

    metadata = Named()


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


@pytest.mark.parametrize(("model", "name"), [(Inside(), "m-2"), (Named(), None), ("m-1", "m-1")])
def test_a_name_may_stand_in_an_object_of_the_model(model: object, name: str | None) -> None:
    assert name_of_model([model], "metadata.model") == name
