"""What a LangChain configuration says of a run: its thread, its agent and its user."""

from collections.abc import Mapping
from typing import Any, Final

from tallystick.instrument.framework_user import user_of

SERVER_USER: Final = "langgraph_auth_user_id"
"""Where a LangGraph server puts the user that it has authenticated itself."""
NAMESPACE: Final = "langgraph_checkpoint_ns"
"""Where LangGraph names the nodes around a task, each with its id: `boss:1|tools:2`."""
RUNTIME: Final = "__pregel_runtime"
"""Where LangGraph keeps the `context` that a run was given."""


def said_in(
    config: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Return what `configurable` and the metadata of a run say; the metadata counts first, `metadata` before all."""
    given = config or {}
    members = (given.get("configurable"), given.get("metadata"), metadata)
    return {name: value for one in members for name, value in (one or {}).items()}


def agent_name(said: Mapping[str, Any]) -> str | None:
    """Return the name of the agent, which LangChain states from 1.0 on."""
    return said.get("lc_agent_name")


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
