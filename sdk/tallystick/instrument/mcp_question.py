"""What an elicitation of MCP shows to a person, and what they answered, in the words of an approval.

Both sides read the same from the wire, so the digests of what was shown agree. Of an answer the choices are
kept, masked; what somebody typed is withheld. A form whose only field is a tick, left empty, is a denial:
its sender did not approve, whatever `accept` says of the form.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from tallystick.capture.approvals import Answer, Question
from tallystick.capture.call import ABSENT, Call, Observer
from tallystick.capture.identity import text
from tallystick.masking.tokens import WITHHELD_MARKER

METHOD: Final = "elicitation/create"
FORM: Final = "elicitation.form"
URL: Final = "elicitation.url"
DECISIONS: Final = {"accept": "approved", "decline": "denied", "cancel": "cancelled"}
MAX_ANSWERS: Final = 64
"""Fields of a form, and items of a list in it, that are kept of an answer."""


def question_of(id_: str, asked: object, observer: Observer, call: Call | None) -> Question:
    """Return what a person is shown by the params of an elicitation: both sides digest the same, and all of it."""
    params = asked if isinstance(asked, Mapping) else {"message": asked}
    message = params.get("message")
    if "url" in params:
        url = params["url"]
        presented: dict[str, object] = {"message": message, "url": url}
        disclosed: object = {"message": message, "url": _bare(url)}
        return Question(id_, presented, disclosed, "human", URL, observer, call)
    presented = {"message": message, "requestedSchema": params.get("requestedSchema")}
    return Question(id_, presented, ABSENT, "human", FORM, observer, call)


def answer_of(sent: object, asked: object) -> Answer:
    """Read an `ElicitResult`, or the error that came in its place; `asked` are the params of the question."""
    answer = sent if isinstance(sent, Mapping) else {}
    action, content, code = (answer.get(name) for name in ("action", "content", "code"))
    decision = DECISIONS.get(action) if isinstance(action, str) else None
    if decision is None:
        return Answer("cancelled", f"error {text(code)}" if code is not None else "no answer")
    if not isinstance(content, Mapping) or decision != "approved":
        return Answer(decision)
    kept = dict(list(content.items())[:MAX_ANSWERS])
    schema = asked.get("requestedSchema") if isinstance(asked, Mapping) else None
    chosen = {text(name): _choice(value, _property(schema, name)) for name, value in kept.items()}
    is_refusal = len(content) == 1 and next(iter(content.values())) is False
    return Answer("denied" if is_refusal else decision, content=chosen)


def _property(schema: object, name: object) -> Mapping[str, Any]:
    """Return the schema of one field of the form."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    found = properties.get(name) if isinstance(properties, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _choice(value: object, described: Mapping[str, Any]) -> object:
    """Keep a number, a tick, and what the form itself offered; withhold what somebody typed."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        items = described.get("items")
        inner = items if isinstance(items, Mapping) else {}
        return [_choice(item, inner) for item in value[:MAX_ANSWERS]]
    return value if value in _offered(described) else WITHHELD_MARKER


def _offered(described: Mapping[str, Any]) -> list[object]:
    found = list(described["enum"]) if isinstance(described.get("enum"), list) else []
    for name in ("oneOf", "anyOf"):
        options = described.get(name)
        for option in options if isinstance(options, list) else ():
            if isinstance(option, Mapping) and "const" in option:
                found.append(option["const"])
    return found


def _bare(url: object) -> str:
    """Return a URL without what may be a secret in it: user, query and fragment."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return WITHHELD_MARKER
    query = WITHHELD_MARKER if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))
