"""The base of every body that a request states."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A body with the members of the model and no others: a misspelt one is told, not passed over."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
