"""`tallystick doctor` beside the frameworks: what is active, and what was renamed."""

from pathlib import Path

import pytest

from tests.integration.frameworks.environments import start

TARGETS = {
    "mcp1": {
        "crewai": "crewai.tools.structured_tool:CrewStructuredTool.invoke",
        "fastmcp": "fastmcp.server.server:FastMCP.call_tool",
        "mcp": "mcp.server.lowlevel.server:Server._handle_request",
    },
    "old": {
        "crewai": "crewai.tools.base_tool:BaseTool.run",
        "fastmcp": "fastmcp.tools.tool_manager:ToolManager.call_tool",
        "mcp": "mcp.shared.session:BaseSession.send_request",
        "langchain": "langchain_core.tools.base:BaseTool.run",
        "llama_index": "llama_index.core.tools.function_tool:FunctionTool.call",
        "openai_agents": "agents.run_internal.tool_execution:invoke_function_tool",
        "pydantic_ai": "pydantic_ai._tool_manager:ToolManager.execute_tool_call",
        "smolagents": "smolagents.agents:MultiStepAgent.__call__",
    },
    "new": {
        "fastmcp": "fastmcp.server.server:FastMCP.call_tool",
        "mcp": "mcp.client.session:ClientSession.send_request",
        "langchain": "langchain_core.tools.base:BaseTool.arun",
        "llama_index": "llama_index.core.agent.workflow.base_agent:BaseWorkflowAgent._call_tool",
        "openai_agents": "agents.run_internal.tool_execution:_invoke_function_tool_with_metadata",
        "pydantic_ai": "pydantic_ai.tool_manager:ToolManager.execute_tool_call",
        "smolagents": "smolagents.tools:Tool.__call__",
    },
    "agents-old": {
        "autogen": "autogen_core.tools._base:BaseTool.run_json",
        "claude_agent": "claude_agent_sdk._internal.query:Query.receive_messages",
        "google_adk": "google.adk.flows.llm_flows.functions:__call_tool_async",
        "mcp": "mcp.shared.session:BaseSession.send_request",
        "strands": "strands.tools.decorator:DecoratedFunctionTool.stream",
    },
    "agents-new": {
        "autogen": "autogen_core.tools._base:BaseStreamTool.run_json_stream",
        "claude_agent": "claude_agent_sdk._internal.query:Query.initialize",
        "google_adk": "google.adk.flows.llm_flows.tools._caller:_call_tool_async",
        "mcp": "mcp.client.session:ClientSession.send_request",
        "strands": "strands.tools.executors._executor:_run_tool",
    },
}
"""Environment -> framework -> something that its hook needs."""

pytestmark = pytest.mark.e2e


def lines(stdout: str) -> dict[str, str]:
    """Give the grade and the text of each subject."""
    found = (line.split(maxsplit=2) for line in stdout.splitlines())
    return {subject: f"{grade} {text}" for grade, subject, text in found}


@pytest.mark.parametrize("environment", sorted(TARGETS))
def test_each_framework_is_active(environment: str, tmp_path: Path) -> None:
    done = start(environment, ["-m", "tallystick.cli", "doctor"], tmp_path)
    found = lines(done.stdout)
    assert {name: found[name][:9] for name in TARGETS[environment]} == dict.fromkeys(
        TARGETS[environment], "ok active"
    )
    assert done.returncode == 0
    assert all("without" not in found[name] for name in TARGETS[environment])


@pytest.mark.parametrize("environment", sorted(TARGETS))
def test_a_hook_whose_target_was_renamed_has_failed_and_the_target_is_named(
    environment: str, tmp_path: Path
) -> None:
    targets = TARGETS[environment]
    command = ["-m", "tests.integration.frameworks.renamed", *targets.values()]
    done = start(environment, command, tmp_path)
    found = lines(done.stdout)
    for name, target in targets.items():
        place = target.replace(":", ".")
        assert found[name].startswith("FAILED FAILED: "), found[name]
        assert f"{place} does not exist" in found[name]
    assert done.returncode == 1
