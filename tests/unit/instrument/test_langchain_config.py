"""What a LangChain configuration says, whichever of its parts says it."""

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
