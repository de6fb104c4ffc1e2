"""Reading a request: from its bytes to what may be admitted, here or in a process of its own.

What is given and what comes back is plain data, so that the way over a pipe changes nothing of it.
"""

from dataclasses import dataclass

from tallystick.recording.masked import Masking
from tallystick_ingest.foreign import mask_spans
from tallystick_ingest.foreign_logs import mask_logs
from tallystick_ingest.masked import MaskedLog, MaskedSpan
from tallystick_ingest.otlp import json_form, protobuf
from tallystick_ingest.otlp.answer import Signal
from tallystick_ingest.otlp.body import PROTOBUF, MediaType
from tallystick_ingest.otlp.limits import Limits
from tallystick_ingest.screening import Candidate, KeyBook, screen
from tallystick_ingest.verdict import Refusal


@dataclass(frozen=True, slots=True)
class Body:
    """The inflated body of a request, and what has to be known to read it."""

    signal: Signal
    media_type: MediaType
    data: bytes
    limits: Limits
    now_us: int
    """The time of records of others that state none."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a body holds: what may be admitted, checked and masked, and what is refused."""

    refusals: tuple[Refusal, ...] = ()
    spans: tuple[MaskedSpan, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    logs: tuple[MaskedLog, ...] = ()
    metric_points: int = 0

    @property
    def is_void(self) -> bool:
        """Whether nothing of it can be kept."""
        return not (self.spans or self.candidates or self.logs)


def read(body: Body, masking: Masking, book: KeyBook) -> Read:
    """Decode, check and mask a body. Raises UndecodableError, and TooLargeError."""
    form = protobuf if body.media_type == PROTOBUF else json_form
    if body.signal == "metrics":
        return Read(metric_points=form.metric_points(body.data, body.limits))
    if body.signal == "traces":
        spans, refusals = mask_spans(form.traces(body.data, body.limits), masking)
        return Read(refusals, spans)
    items = form.logs(body.data, body.limits)
    screened = screen(items, book)
    logs, refusals = mask_logs(items, masking, body.now_us)
    return Read((*screened.refusals, *refusals), (), screened.candidates, logs)
