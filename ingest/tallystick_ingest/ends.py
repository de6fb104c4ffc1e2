"""The two ends of a call: which record of a server belongs to which of a client, and how surely.

Ids join them, which anybody between the two can copy. A receipt (`docs/spec/receipt.md`) shows more: both
ends state one digest of the call's nonce and arguments, and the server states the hash of the client's
record. Takes plain JSON, as the API gives it; nothing that a record states can make this fail.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tallystick_ingest.action import Action, Shape

State = Literal["agreed", "by_id", "differs", "one_end", "reused"]

MAX_ANCESTORS: Final = 256

STATES: Final[Mapping[State, str]] = {
    "agreed": "both ends agree",
    "by_id": "by id only",
    "differs": "arguments differ",
    "one_end": "one end only",
    "reused": "receipt used again",
}
"""State of a call's two ends -> what people read."""
ALARMS: Final = ("differs", "reused")

_AGREED: Final = (
    "one digest of nonce and arguments, and the server states the hash of the client's record"
)
_DIFFERS: Final = "the server got other arguments, or another tool's name, than the client sent"
_DIFFERS_KEYED: Final = "the keyed digests of the arguments at the two ends are not the same"
_NO_RECORD: Final = (
    "one digest of nonce and arguments, but the server states no record of the client"
)
_OTHER_RECORD: Final = (
    "one digest of nonce and arguments, but the server states another record than the client's"
)
_REUSED: Final = "another record of a server states the same record of the client: sent twice, replayed or copied"


@dataclass(frozen=True, slots=True)
class Join:
    """How the two ends of a call were brought together."""

    state: State
    detail: str

    @property
    def shape(self) -> Shape:
        """The join as JSON."""
        return {"state": self.state, "told": f"{STATES[self.state]}: {self.detail}"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what the client saw of it and what the server saw, one of the two at least."""

    client: Action | None
    server: Action | None
    is_reused: bool = False
    """The server's receipt names a record of a client that belongs to another call."""

    @property
    def actions(self) -> tuple[Action, ...]:
        """Both views, the outer one first."""
        return tuple(one for one in (self.client, self.server) if one is not None)

    @property
    def outer(self) -> Action:
        """The view that saw most of it."""
        return self.actions[0]

    @property
    def outcome(self) -> str:
        """How it ended: a client sees a refusal as an error, so the server's word for it counts."""
        if any(action.last["type"] == "tool.denied" for action in self.actions):
            return "denied"
        if self.outer.last["type"] == "tool.started":
            return "unknown"
        return str(self.outer.statement.get("outcome", "unknown"))

    @property
    def join(self) -> Join | None:
        """How surely the two views are of one call; None for a call that has no other end."""
        if not any("mcp.method" in action.statement for action in self.actions):
            return None
        if self.is_reused:
            return Join("reused", _REUSED)
        if self.client is None or self.server is None:
            return Join("one_end", _missing(self.client, self.server))
        return _judged(self.client, self.server)


def ancestors(span_id: str, parents: Mapping[str, str]) -> Iterator[str]:
    """Yield the spans above a span, the nearest first; a loop ends after MAX_ANCESTORS."""
    for _ in range(MAX_ANCESTORS):
        span_id = parents.get(span_id, "")
        if not span_id:
            return
        yield span_id


def joined(actions: Sequence[Action], parents: Mapping[str, str]) -> Iterator[Call]:
    """Yield the calls that actions make, servers without a client first.

    The record that a receipt proves comes first, then the client's span around the server's, then the
    record that a receipt merely names: so a copied receipt never takes the place of the true one.
    """
    clients = [one for one in actions if one.side == "client"]
    pairs = _Pairs(clients, parents)
    for choose in (pairs.proven, pairs.around, pairs.named):
        for server in actions:
            if server.side == "server":
                pairs.join(choose(server), server)
    for server in actions:
        if server.side == "server" and server.id not in pairs.taken:
            yield Call(None, server, is_reused=pairs.named(server) is not None)
    for client in clients:
        yield Call(client, pairs.servers.get(client.id))


class _Pairs:
    """Clients, and the servers found for them so far."""

    def __init__(self, clients: Sequence[Action], parents: Mapping[str, str]) -> None:
        self._parents = parents
        self._by_record = {record: one for one in clients for record in one.records if record}
        self._by_span = {one.span_id: one for one in clients if one.span_id}
        self.servers: dict[str, Action] = {}
        self.taken: set[str] = set()

    def join(self, client: Action | None, server: Action) -> None:
        """Join two, unless one of them is joined already."""
        if client is not None and client.id not in self.servers and server.id not in self.taken:
            self.servers[client.id] = server
            self.taken.add(server.id)

    def named(self, server: Action) -> Action | None:
        """Return the client whose record the server's receipt names."""
        return self._by_record.get(server.receipt("record"))

    def proven(self, server: Action) -> Action | None:
        """Return the client whose record it names, if both state one digest."""
        client, digest = self.named(server), server.receipt("digest")
        is_proven = client is not None and digest and client.receipt("digest") == digest
        return client if is_proven else None

    def around(self, server: Action) -> Action | None:
        """Return the client whose span is the nearest above, if both name the same thing."""
        above = next(
            (a for a in ancestors(server.span_id, self._parents) if a in self._by_span), ""
        )
        client = self._by_span.get(above)
        if client is None or not (_same_thing(client, server) or self.named(server) is client):
            return None
        return client


def _same_thing(client: Action, server: Action) -> bool:
    return all(
        client.statement.get(name) == server.statement.get(name)
        for name in ("tool.name", "prompt.name")
    )


def _missing(client: Action | None, server: Action | None) -> str:
    if server is None:
        sent = client is not None and client.receipt("digest")
        note = ", though the client sent a receipt" if sent else ""
        return f"no record of the server is in this trace{note}"
    if server.receipt("record"):
        return "the client's record that the server states is not in this trace"
    return "no record of the client is in this trace"


def _judged(client: Action, server: Action) -> Join:
    sent, got, record = client.receipt("digest"), server.receipt("digest"), server.receipt("record")
    if sent and got:
        if sent != got:
            return Join("differs", _DIFFERS)
        if record in client.records:
            return Join("agreed", _AGREED)
        return Join("by_id", _OTHER_RECORD if record else _NO_RECORD)
    keyed = _keyed_digests(client, server)
    if keyed and keyed[0] != keyed[1]:
        return Join("differs", _DIFFERS_KEYED)
    details = [_receipts_told(sent, got), _request_ids_told(client, server)]
    details.append("the keyed digests of the arguments are the same" if keyed else "")
    return Join("by_id", "; ".join(filter(None, details)))


def _keyed_digests(client: Action, server: Action) -> tuple[str, str] | None:
    """Return both keyed digests of the arguments, where they can be compared: one key, both on the wire."""
    ends = (client.statement, server.statement)
    digests = [str(said.get("params.digest", "")) for said in ends]
    is_wire = [said.get("observer") for said in ends] == ["mcp_client", "mcp_server"]
    keys = {said.get("mask.key_id") for said in ends}
    return (digests[0], digests[1]) if all(digests) and is_wire and len(keys) == 1 else None


def _receipts_told(sent: str, got: str) -> str:
    if sent:
        return "the client sent a receipt that the server does not state: removed on the way, or not taken"
    return "only the server states a receipt" if got else "no receipt was sent"


def _request_ids_told(client: Action, server: Action) -> str:
    ids = {one.statement.get("jsonrpc.request_id") for one in (client, server)}
    if None in ids:
        return ""
    return "the request ids are the same" if len(ids) == 1 else "the request ids differ"
