"""How the client's and the server's record of one call were brought together, and how surely.

Both sides state the trace. Where both also state the JSON-RPC request id and the keyed digest of the
arguments before masking, and these agree, the two speak of one call. Otherwise ids alone connect them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tallystick_dashboard.trace.action import Action, Shape, text_of

SURE: Final = "trace id + request id + argument digest"
BY_ID: Final = "by id only"


@dataclass(frozen=True, slots=True)
class Join:
    """Two views of one call, by action id."""

    client: str
    server: str
    method: str
    """SURE or BY_ID."""
    doubt: str = ""
    """What is missing or does not agree, for BY_ID."""

    def told(self) -> str:
        """Say it in one line."""
        return f"{self.method}: {self.doubt}" if self.doubt else self.method


def joins_of(calls: Iterable[Shape], actions: Mapping[str, Action]) -> list[Join]:
    """Judge each pair that the service joined."""
    found = []
    for call in calls:
        pair = [actions[one] for one in call["action_ids"] if one in actions]
        if len(pair) == 2:  # noqa: PLR2004 - client and server
            found.append(_judged(pair[0], pair[1]))
    return found


def _judged(client: Action, server: Action) -> Join:
    doubts = [
        _doubt(what, text_of(client.said(name)), text_of(server.said(name)))
        for what, name in (
            ("request id", "jsonrpc.request_id"),
            ("argument digest", "params.digest"),
        )
    ]
    doubt = "; ".join(one for one in doubts if one)
    return Join(client.id, server.id, BY_ID if doubt else SURE, doubt)


def _doubt(what: str, client: str, server: str) -> str:
    if client and server:
        return "" if client == server else f"the two sides state different {what}s"
    if client or server:
        return f"only the {'client' if client else 'server'} states the {what}"
    return f"neither side states the {what}"
