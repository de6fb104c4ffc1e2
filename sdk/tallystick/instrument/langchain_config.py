"""What a LangChain configuration says of a run: its thread and its agent."""

from collections.abc import Mapping
from typing import Any


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
