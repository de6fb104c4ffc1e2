"""The agent behind a tool manager of Pydantic AI before 1.76, whose run context does not name it.

An agent's run takes the agent's toolset and makes a tool manager of it, then one for each step from the one before.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, Final
from weakref import ref

from tallystick.instrument.framework import Framework
from tallystick.instrument.patch import Patch

_running: Final[ContextVar[Any]] = ContextVar("tallystick_pydantic_agent", default=None)
"""The agent (weakly) whose run is about to make its first tool manager."""


class AgentHooks:
    """The wrappers around what hands an agent's toolset to its tool managers."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._agents: dict[int, tuple[Any, Any]] = {}
        """Id of a tool manager, which has no hash -> the manager and its agent, both weakly."""

    def patches(self, managers: str) -> Sequence[Patch]:
        """Return what is to be patched, with the tool managers in the module `managers`."""
        label = "agents"
        return (
            Patch("pydantic_ai.agent", "Agent._get_toolset", self._take_toolset, label),
            Patch(managers, "ToolManager.__init__", self._make, label, ("toolset", "ctx")),
            Patch(managers, "ToolManager.for_run_step", self._step, label, ("ctx",)),
        )

    def name_for(self, manager: object) -> str | None:
        """Return the name of the agent whose tools a manager runs, if it has one."""
        _, agent = self._agents.get(id(manager), (None, None))
        return getattr(agent(), "name", None) if agent is not None else None

    def _take_toolset(
        self,
        wrapped: Callable[..., Any],
        agent: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        self._framework.safely(lambda: _running.set(ref(agent)))
        return wrapped(*args, **kwargs)

    def _make(
        self,
        wrapped: Callable[..., None],
        manager: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        wrapped(*args, **kwargs)
        agent = _running.get()
        if agent is not None and getattr(manager, "ctx", None) is None:
            _running.set(None)
            self._framework.safely(lambda: self._remember(manager, agent))

    async def _step(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        manager: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        following = await wrapped(*args, **kwargs)
        _, agent = self._agents.get(id(manager), (None, None))
        if agent is not None and following is not manager:
            self._framework.safely(lambda: self._remember(following, agent))
        return following

    def _remember(self, manager: object, agent: Any) -> None:
        key = id(manager)
        self._agents[key] = (ref(manager, lambda _: self._agents.pop(key, None)), agent)
