"""What all answers share: a strict base, the error, and how much of the log an answer speaks of."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Index = Annotated[int, Field(ge=0, lt=2**63)]
"""A place in the log, from 0."""
Count = Annotated[int, Field(ge=0)]
Microseconds = Annotated[int, Field(ge=0)]
"""Since 1970, in UTC."""


class Answer(BaseModel):
    """Base of all models: no member but those that are named."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ErrorAnswer(Answer):
    """What was refused: what is wrong, what was expected, and what to do."""

    error: str


class AsOf(Answer):
    """What an answer speaks of."""

    log_size: Count
    """Everything below this place of the log was looked at; entries behind it may be in the answer too."""


class Listing(Answer):
    """What each list says of itself."""

    incomplete: bool
    """Whether there is more than the answer holds, although it fulfils what was asked for."""
    as_of: AsOf


class FaultShape(Answer):
    """One thing that is wrong with a row."""

    column: str
    stated: str
    """What the record, or the log's entry, says."""
    stored: str
    """What the row holds."""


class ErasureShape(Answer):
    """The erasure that took values: what the log says of it, never whose they were."""

    request: str
    """Id of the request that one person made and another confirmed."""
    confirmed_index: Index
    """Log index of the confirmation."""
    stated_index: Index | None
    """Log index of the first record (access.delete) that says which values are gone; null until it stands there."""
    stated_us: Microseconds | None


class AbsentShape(Answer):
    """Values that a record binds and this answer does not hold, and why."""

    values: Annotated[int, Field(ge=1)]
    """How many; of a span 1: all that it says in words."""
    why: Literal["withheld", "erased", "not kept", "unknown"]
    """withheld: the caller lacks the right in `needs`; erased: two people decided it; not kept: nobody decided it,
    they never came or were removed; unknown: withheld or erased, which a caller with less than the whole reach
    cannot be told."""
    needs: Literal["payload", "reveal"] | None
    """The right that is lacking; `reveal` takes a reason with it."""
    erasure: ErasureShape | None
    """Of `erased` alone."""


Responses: TypeAlias = dict[int | str, dict[str, Any]]
"""What a route says of its answers beside its model."""

NOTHING_THERE: Final[Responses] = {
    404: {"model": ErrorAnswer, "description": "There is nothing under this name"}
}
CONFLICT: Final[Responses] = {
    409: {"model": ErrorAnswer, "description": "Not in this state: the message says what to do"}
}


def bytes_of(media_type: str, description: str) -> Responses:
    """Return what a route says that answers with a file."""
    is_json = media_type == "application/json"
    schema = {} if is_json else {"type": "string", "format": "binary"}
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}}


def package() -> Responses:
    """Return what a route says that answers with an evidence package."""
    return bytes_of("application/zip", "The evidence package (docs/spec/package.md)")
