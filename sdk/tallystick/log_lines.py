r"""Log lines of the service's processes: each on one line, as text or as JSON, masked, and inert.

    2026-11-23T08:00:00.000Z WARNING tallystick.service: the heartbeat could not be recorded
    {"time":"2026-11-23T08:00:00.000Z","level":"warning","logger":"tallystick.service","message":"..."}

What an exception says may be what somebody sent, so of one only type and places are told. Of loggers that are
not ours the message is told as it stands in their code, without the values, and of unknown ones the place alone.
The finished message is masked at last, as records are.
"""

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from tallystick.inert import ELLIPSIS, inert

if TYPE_CHECKING:
    from tallystick.masking.engine import Masker

Form = Literal["text", "json"]
FORMS: Final = ("text", "json")
LEVELS: Final = ("debug", "info", "warning", "error")
OURS: Final = ("tallystick", "tallystick_store", "tallystick_ingest", "tallystick_dashboard")
PLAIN_SPOKEN: Final = ("uvicorn", "asyncio")
"""Loggers whose messages hold no values in their first line before those are put in."""
OUTSPOKEN: Final = (*PLAIN_SPOKEN, "streamlit")
"""Loggers that may have handlers of their own by now, which write values in their own form."""
MAX_CHARS: Final = 4_096
MAX_FRAMES: Final = 40
MAX_CAUSES: Final = 8

_log = logging.getLogger("tallystick.process")


class LineFormatter(logging.Formatter):
    """Prints a record as one line."""

    def __init__(self, form: Form) -> None:
        """Print in `form`."""
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(_message(record)),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            line["fields"] = {str(name): _value(value) for name, value in fields.items()}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = exception_shape(record.exc_info[1])
        return json.dumps(line) if self._form == "json" else inert(_text(line), 2 * MAX_CHARS)


def configure(form: Form, level: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (standard error) in `form`, ours from `level` on.

    Others' are told from warnings on. What would end a thread or the process is logged too, and warnings of
    Python are. For the `main` of a process: it changes what the whole process has.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    threshold = getattr(logging, level.upper())
    root.setLevel(max(threshold, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(threshold)
    for name in [one for one in root.manager.loggerDict if one.partition(".")[0] in OUTSPOKEN]:
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True
    logging.raiseExceptions = False  # it would print the values of a message that does not fit them
    logging.captureWarnings(True)
    sys.excepthook = _log_end
    sys.unraisablehook = lambda told: _log_end(told.exc_type, told.exc_value, told.exc_traceback)
    threading.excepthook = lambda told: _log_end(told.exc_type, told.exc_value, told.exc_traceback)


def masked(text: str) -> str:
    """Return a message with personal data and secrets masked, and cut at MAX_CHARS. Never raises."""
    shown = _masker().mask_text(text[:MAX_CHARS]).value
    return f"{shown}{ELLIPSIS if len(text) > MAX_CHARS else ''}"


def exception_shape(error: BaseException) -> dict[str, object]:
    """Tell an exception by its type, those behind it, and the places; never by what it says."""
    frames = [
        f"{frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    ]
    return {"type": " from ".join(_types(error)), "frames": frames}


@cache
def _masker() -> "Masker":
    from tallystick.masking.engine import Masker  # noqa: PLC0415 - a process that logs nothing does without
    from tallystick.masking.policy import default_policy  # noqa: PLC0415

    return Masker(default_policy())


def _message(record: logging.LogRecord) -> str:
    """Return what may be told of a record of whatever logger."""
    root = record.name.partition(".")[0]
    if root in OURS:
        try:
            return record.getMessage()
        except (TypeError, ValueError):  # the values do not fit the message
            return str(record.msg)
    if root in PLAIN_SPOKEN:
        return str(record.msg).partition("\n")[0]
    return f"told at {record.pathname}:{record.lineno}"


def _value(value: object) -> object:
    return value if isinstance(value, bool | int | float) else masked(str(value))


def _types(error: BaseException) -> Iterator[str]:
    behind: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if behind is None:
            return
        yield f"{type(behind).__module__}.{type(behind).__qualname__}"
        behind = behind.__cause__ or behind.__context__


def _text(line: dict[str, Any]) -> str:
    told = [f"{line['time']} {line['level'].upper()} {line['logger']}: {line['message']}"]
    told += [f"{name}={value}" for name, value in line.get("fields", {}).items()]
    if "exception" in line:
        told.append("; ".join([line["exception"]["type"], *reversed(line["exception"]["frames"])]))
    return " | ".join(told)


def _time(seconds: float) -> str:
    shown = datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")
    return shown.replace("+00:00", "Z")


def _log_end(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """Log what ends a thread or the process; an interrupt is no fault."""
    if error is not None and not issubclass(kind, KeyboardInterrupt | SystemExit):
        _log.critical("something ended that was not to end", exc_info=(kind, error, trace))
