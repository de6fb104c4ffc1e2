"""The model behind an agent: the name by which a framework asks for it, not what a provider made of that."""

from collections.abc import Sequence
from operator import attrgetter


def name_of_model(models: Sequence[object], member: str) -> str | None:
    """Return the name of the first model that there is: a text, or what an object has as `member` (`a` or `a.b`)."""
    model = next((one for one in models if one is not None), None)
    try:
        found = model if isinstance(model, str) else attrgetter(member)(model)
    except Exception:  # noqa: BLE001 - a model of the program's own may raise anything
        return None
    return found if isinstance(found, str) and found else None
