"""The lines of a package's NDJSON files and of the service's record stream: printed and read here.

Each line is profile JSON with exactly the keys of its kind (`docs/spec/package.md`). Whoever writes
a package and whoever reads one share this module, so a line has one spelling.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from tallystick.errors import RecordError, VerificationError
from tallystick.profile import JsonValue, decode, encode
from tallystick.tlog.encoding import from_base64, to_base64
from tallystick.tlog.tree import require_hash
from tallystick.verify.source import (
    CheckpointText,
    ConsistencyText,
    ContextText,
    DeletedText,
    EventText,
    SealText,
    SpansText,
)

MAX_LINE_BYTES: Final = 128 * 1024 * 1024
"""32 disclosures of 1 MiB and a statement, in JSON text twice over; nothing honest is larger."""

LineObject: TypeAlias = dict[str, JsonValue]
LineKeys: TypeAlias = Mapping[str, type]

ContentText: TypeAlias = EventText | SealText | SpansText | DeletedText
"""What an entry commits to, or what remains of that."""

_EVENT_KEYS: Final[LineKeys] = {"disclosures": list, "log_index": int, "statement": str}
_SEAL_KEYS: Final[LineKeys] = {"log_index": int, "seal": str}
_SPANS_KEYS: Final[LineKeys] = {"log_index": int, "records": list}
_DELETED_KEYS: Final[LineKeys] = {
    "authorised_by": int,
    "kind": str,
    "log_index": int,
    "seq": int,
    "session": str,
}
_SET_KEYS: Final[LineKeys] = {"authorised_by": int, "entries": str}
_CONTEXT_KEYS: Final[LineKeys] = {"entry": str, "inclusion": list, "log_index": int}
_CONTEXT_CONTENT: Final[LineKeys] = {"statement": str, "seal": str, "deleted": dict}
_CHECKPOINT_KEYS: Final[LineKeys] = {"checkpoint": str}
_BLOB_LINE_KEYS: Final[LineKeys] = {"blob": str, "sha256": str}
_CONSISTENCY_KEYS: Final[LineKeys] = {"consistency": list, "root": str, "size": int}


def read_object(line: bytes, keys: LineKeys, what: str) -> LineObject:
    """Read a profile-JSON object with exactly these keys and types; raise VerificationError."""
    return require_keys(read_json(line, what), keys, what)


def read_json(line: bytes, what: str) -> LineObject:
    """Read a profile-JSON object of any keys; raise VerificationError."""
    try:
        value = decode(line)
    except RecordError as error:
        raise VerificationError(f"{what} is not profile JSON: {error}") from error
    if not isinstance(value, dict):
        raise VerificationError(f"{what} is not a JSON object")
    return value


def require_keys(value: LineObject, keys: LineKeys, what: str) -> LineObject:
    """Return `value`; raise VerificationError unless it has exactly these keys and types."""
    if {name: type(item) for name, item in value.items()} != keys:
        raise VerificationError(f"{what} has other keys or types: expected {', '.join(keys)}")
    return value


def read_texts(values: list[JsonValue], what: str) -> tuple[str, ...]:
    """Return a list of strings; raise VerificationError when it holds anything else."""
    if not all(isinstance(value, str) for value in values):
        raise VerificationError(f"{what} holds something other than strings")
    return tuple(values)


def read_hashes(values: list[JsonValue], what: str) -> tuple[bytes, ...]:
    """Return a list of base64 hashes; raise VerificationError when it holds anything else."""
    hashes = tuple(from_base64(text, what) for text in read_texts(values, what))
    for value in hashes:
        require_hash(value, what)
    return hashes


def print_hashes(hashes: Sequence[bytes]) -> list[str]:
    """Return hashes as they stand in a line."""
    return [to_base64(value) for value in hashes]


def print_content_line(content: ContentText) -> bytes:
    """Return a line of events.ndjson, seals.ndjson or spans.ndjson, without its line feed."""
    return encode(_content_object(content))


def parse_event_line(line: bytes) -> EventText:
    """Read a line of events.ndjson; raise VerificationError for any other form."""
    return _read_event(read_object(line, _EVENT_KEYS, "an event line"))


def parse_seal_line(line: bytes) -> SealText:
    """Read a line of seals.ndjson; raise VerificationError for any other form."""
    return _read_seal(read_object(line, _SEAL_KEYS, "a seal line"))


def parse_spans_line(line: bytes) -> SpansText:
    """Read a line of spans.ndjson; raise VerificationError for any other form."""
    return _read_spans(read_object(line, _SPANS_KEYS, "a spans line"))


def parse_deleted_line(line: bytes) -> DeletedText:
    """Read a line of deleted.ndjson; raise VerificationError for any other form."""
    return _read_deleted(read_object(line, _DELETED_KEYS, "a line of what is deleted"))


def print_set_line(authorised_by: int, entries: str) -> bytes:
    """Return a line of deletions.ndjson, without its line feed."""
    return encode({"authorised_by": authorised_by, "entries": entries})


def parse_set_line(line: bytes) -> tuple[int, str]:
    """Read a line of deletions.ndjson; raise VerificationError for any other form."""
    value = read_object(line, _SET_KEYS, "a set of deleted entries")
    return value["authorised_by"], value["entries"]


def print_context_line(context: ContextText) -> bytes:
    """Return a line of context.ndjson, without its line feed."""
    value: LineObject = {
        "entry": context.entry,
        "inclusion": print_hashes(context.inclusion),
        "log_index": context.log_index,
    }
    if context.statement is not None:
        value["statement"] = context.statement
    if context.seal is not None:
        value["seal"] = context.seal
    if context.deleted is not None:
        value["deleted"] = _content_object(context.deleted)
    return encode(value)


def parse_context_line(line: bytes) -> ContextText:
    """Read a line of context.ndjson; raise VerificationError for any other form."""
    value = read_json(line, "a context line")
    content = [key for key in _CONTEXT_CONTENT if key in value][:1]
    keys = {key: _CONTEXT_CONTENT[key] for key in content}
    require_keys(value, {**_CONTEXT_KEYS, **keys}, "a context line")
    deleted = value.get("deleted")
    return ContextText(
        value["log_index"],
        value["entry"],
        read_hashes(value["inclusion"], "an inclusion proof"),
        value.get("statement"),
        value.get("seal"),
        None
        if deleted is None
        else _read_deleted(require_keys(deleted, _DELETED_KEYS, "what is deleted")),
    )


def print_checkpoint_line(checkpoint: CheckpointText) -> bytes:
    """Return a line of checkpoints.ndjson with a signed checkpoint, without its line feed."""
    return encode({"checkpoint": checkpoint.note})


def print_consistency_line(claim: ConsistencyText) -> bytes:
    """Return a line of checkpoints.ndjson with a consistency proof, without its line feed."""
    return encode(
        {
            "consistency": print_hashes(claim.proof),
            "root": to_base64(claim.root),
            "size": claim.size,
        }
    )


def parse_head_line(line: bytes) -> CheckpointText | ConsistencyText:
    """Read a line of checkpoints.ndjson; raise VerificationError for any other form."""
    value = read_json(line, "a line of checkpoints")
    if "checkpoint" in value:
        return CheckpointText(
            require_keys(value, _CHECKPOINT_KEYS, "a checkpoint line")["checkpoint"]
        )
    require_keys(value, _CONSISTENCY_KEYS, "a consistency line")
    root = from_base64(value["root"], "the root of a log head")
    require_hash(root, "the root of a log head")
    proof = read_hashes(value["consistency"], "a consistency proof")
    return ConsistencyText(value["size"], root, proof)


def print_record_line(entry: bytes, content: ContentText) -> bytes:
    """Return a line of the record stream: an entry and what it commits to, without line feed."""
    return encode({**_content_object(content), "entry": entry.decode("utf-8")})


def parse_record_line(line: bytes) -> tuple[bytes, ContentText]:
    """Read a line of the record stream; raise VerificationError for any other form."""
    value = read_json(line, "a record line")
    entry = value.pop("entry", None)
    if not isinstance(entry, str):
        raise VerificationError("a record line has no entry")
    return entry.encode("utf-8"), _read_content(value)


def print_blob_line(sha256: str, content: bytes) -> bytes:
    """Return a line of blobs.ndjson, without its line feed."""
    return encode({"blob": to_base64(content), "sha256": sha256})


def parse_blob_line(line: bytes) -> tuple[str, bytes]:
    """Read a line of blobs.ndjson: a digest in hex, and bytes; raise VerificationError for any other form."""
    value = read_object(line, _BLOB_LINE_KEYS, "a blob line")
    return value["sha256"], from_base64(value["blob"], "a blob")


def _read_content(value: LineObject) -> ContentText:
    if "statement" in value:
        return _read_event(require_keys(value, _EVENT_KEYS, "an event line"))
    if "authorised_by" in value:
        return _read_deleted(require_keys(value, _DELETED_KEYS, "a line of what is deleted"))
    if "seal" in value:
        return _read_seal(require_keys(value, _SEAL_KEYS, "a seal line"))
    return _read_spans(require_keys(value, _SPANS_KEYS, "a spans line"))


def _read_event(value: LineObject) -> EventText:
    disclosures = read_texts(value["disclosures"], "the list of disclosures")
    return EventText(value["log_index"], value["statement"], disclosures)


def _read_seal(value: LineObject) -> SealText:
    return SealText(value["log_index"], value["seal"])


def _read_spans(value: LineObject) -> SpansText:
    return SpansText(value["log_index"], read_texts(value["records"], "the list of span records"))


def _read_deleted(value: LineObject) -> DeletedText:
    return DeletedText(
        value["log_index"], value["kind"], value["session"], value["seq"], value["authorised_by"]
    )


def _content_object(content: ContentText) -> LineObject:
    if isinstance(content, DeletedText):
        return {
            "authorised_by": content.authorised_by,
            "kind": content.kind,
            "log_index": content.log_index,
            "seq": content.seq,
            "session": content.session,
        }
    if isinstance(content, EventText):
        disclosures = [*content.disclosures, *content.late]
        return {
            "disclosures": disclosures,
            "log_index": content.log_index,
            "statement": content.statement,
        }
    if isinstance(content, SealText):
        return {"log_index": content.log_index, "seal": content.body}
    return {"log_index": content.log_index, "records": list(content.records)}
