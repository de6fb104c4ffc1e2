"""What a LangChain configuration says of a run: its thread, its agent, its user and its model."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from tallystick.instrument.framework_user import user_of

SERVER_USER: Final = "langgraph_auth_user_id"
"""Where a LangGraph server puts the user that it has authenticated itself."""
NAMESPACE: Final = "langgraph_checkpoint_ns"
"""Where LangGraph names the nodes around a task, each with its id: `boss:1|tools:2`."""
RUNTIME: Final = "__pregel_runtime"
"""Where LangGraph keeps the `context` that a run was given."""
READ: Final = "__pregel_read"
"""Where LangGraph keeps the function by which a node reads the state of its graph."""
MESSAGES: Final = "messages"
"""Where its agents keep their messages in that state."""
MAX_MESSAGES: Final = 64
"""Messages among which the one that asks for a tool is looked for, newest first."""
_MODEL: Final = ("model_name", "model")
"""Members of a message's `response_metadata` by which providers name their model."""


def said_in(
    config: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Return what `configurable` and the metadata of a run say; the metadata counts first, `metadata` before all."""
    given = config or {}
    members = (given.get("configurable"), given.get("metadata"), metadata)
    return {name: value for one in members for name, value in (one or {}).items()}


def asking_message(said: Mapping[str, Any], call_id: object) -> Any:
    """Return the message in the state of the graph that asks for a call; None where there is none."""
    read = said.get(READ)
    if read is None or not call_id:
        return None
    with suppress(Exception):  # a graph without messages, or with others than LangChain's
        for message in islice(reversed(read(MESSAGES)), MAX_MESSAGES):
            members = getattr(
                message, "__dict__", {}
            )  # asking a model of pydantic for what it lacks is slow
            if any(call.get("id") == call_id for call in members.get("tool_calls") or ()):
                return message
    return None


def agent_name(said: Mapping[str, Any], asking: Any = None) -> str | None:
    """Return the name of the agent: LangChain states it from 1.0 on, LangGraph's in the message that asks."""
    return said.get("lc_agent_name") or getattr(asking, "name", None)


def model_name(asking: Any) -> str | None:
    """Return the model of the message that asks for a tool, as the answer of its provider names it."""
    metadata = getattr(asking, "response_metadata", None)
    said = metadata if isinstance(metadata, Mapping) else {}
    found = (said.get(member) for member in _MODEL)
    return next((name for name in found if isinstance(name, str) and name), None)


def conversation_id(said: Mapping[str, Any]) -> str | None:
    """Return the thread."""
    return said.get("thread_id")


def node_above(said: Mapping[str, Any]) -> str | None:
    """Return the node in whose graph a tool runs: the agent, where agents are the nodes of a graph."""
    namespace = said.get(NAMESPACE)
    nodes = namespace.split("|") if isinstance(namespace, str) else []
    return nodes[-2].partition(":")[0] if len(nodes) > 1 else None


def user_id(said: Mapping[str, Any]) -> str | None:
    """Return the user: of the server, else of the configuration or the metadata, else of the run's context."""
    context = getattr(said.get(RUNTIME), "context", None)
    return user_of(said, SERVER_USER) or user_of(said) or user_of(context)
