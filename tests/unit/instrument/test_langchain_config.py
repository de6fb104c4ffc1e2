"""What a LangChain configuration says, whichever of its parts says it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tallystick.instrument import langchain_config


def test_metadata_counts_before_configurable_and_a_runs_own_before_both() -> None:
    config = {"configurable": {"thread_id": "a", "user_id": "a"}, "metadata": {"thread_id": "b"}}
    said = langchain_config.said_in(config, {"lc_agent_name": "clerk"})
    assert langchain_config.conversation_id(said) == "b"
    assert langchain_config.agent_name(said) == "clerk"
    assert langchain_config.user_id(said) == "a"
    assert langchain_config.said_in(None) == langchain_config.said_in({"metadata": None}) == {}


@pytest.mark.parametrize(
    ("namespace", "node"),
    [
        ("boss:1|tools:2", "boss"),
        ("all:0|boss:1|tools:2", "boss"),
        ("tools:2", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_the_node_above_is_the_last_but_one_of_the_namespace(
    namespace: object, node: str | None
) -> None:
    assert langchain_config.node_above({"langgraph_checkpoint_ns": namespace}) == node


def message(call_id: str, name: str | None = None, model: object = None) -> Any:
    metadata = {"model_name": model} if model is not None else {}
    return SimpleNamespace(
        tool_calls=[{"id": call_id}], name=name, response_metadata=metadata, content=""
    )


def state(*messages: Any) -> dict[str, Callable[[str], Any]]:
    return {langchain_config.READ: {langchain_config.MESSAGES: list(messages)}.__getitem__}


def test_the_newest_message_that_asks_for_a_call_names_agent_and_model() -> None:
    said = state(
        message("c-1", "boss", "m-0"),
        message("c-1", "clerk", "m-1"),
        message("c-2", "other", "m-2"),
        SimpleNamespace(content="no message of a model"),
        {"role": "user", "content": "a message in another form"},
    )
    asking = langchain_config.asking_message(said, "c-1")
    assert langchain_config.agent_name(said, asking) == "clerk"
    assert langchain_config.model_name(asking) == "m-1"
    assert langchain_config.agent_name({"lc_agent_name": "stated"}, asking) == "stated"


def test_the_name_of_a_model_may_be_under_either_member_and_is_a_text() -> None:
    asking = SimpleNamespace(response_metadata={"model_name": "", "model": "m-1"})
    assert langchain_config.model_name(asking) == "m-1"
    assert langchain_config.model_name(message("c-1", model=7)) is None
    assert langchain_config.model_name(message("c-1")) is None


@pytest.mark.parametrize(
    ("said", "call_id"),
    [
        ({}, "c-1"),
        (state(message("c-1", "clerk")), None),
        (state(message("c-1", "clerk")), "c-2"),
        (state(None, 7, {"tool_calls": []}), "c-1"),
        ({langchain_config.READ: {"others": []}.__getitem__}, "c-1"),
        ({langchain_config.READ: {langchain_config.MESSAGES: None}.__getitem__}, "c-1"),
    ],
)
def test_where_no_message_asks_nobody_is_named(said: dict[str, Any], call_id: str | None) -> None:
    asking = langchain_config.asking_message(said, call_id)
    assert asking is None
    assert langchain_config.agent_name(said, asking) is None
    assert langchain_config.model_name(asking) is None
