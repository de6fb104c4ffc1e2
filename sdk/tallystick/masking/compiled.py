"""Whether masking runs as Python or compiled: of one source, with the same results (docs/adr/0034)."""

from types import FunctionType

from tallystick.masking import whole


def form() -> str:
    """Say in which form masking runs here, for those who compare what it costs."""
    return "compiled" if is_compiled() else "in Python"


def is_compiled() -> bool:
    """Whether masking was compiled when this was installed: all of its modules, or none."""
    functions = vars(whole)
    return not isinstance(functions["whole_kind"], FunctionType)
