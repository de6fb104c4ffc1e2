"""Of each framework in each environment, a function that its hook needs."""

TARGETS = {
    "mcp1": {
        "crewai": "crewai.tools.structured_tool:CrewStructuredTool.invoke",
        "fastmcp": "fastmcp.server.server:FastMCP.call_tool",
        "mcp": "mcp.server.experimental.task_context:ServerTaskContext.elicit",
    },
    "old": {
        "crewai": "crewai.tools.base_tool:BaseTool.run",
        "fastmcp": "fastmcp.tools.tool_manager:ToolManager.call_tool",
        "mcp": "mcp.shared.session:BaseSession.send_request",
        "langchain": "langchain_core.tools.base:BaseTool.run",
        "llama_index": "llama_index.core.tools.function_tool:FunctionTool.call",
        "openai_agents": "agents.run_internal.tool_execution:invoke_function_tool",
        "pydantic_ai": "pydantic_ai.agent:Agent._get_toolset",
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
        "claude_agent": "claude_agent_sdk._internal.query:Query._handle_sdk_mcp_request",
        "google_adk": "google.adk.flows.llm_flows.tools._caller:_call_tool_async",
        "mcp": "mcp.client.session:ClientSession.send_request",
        "strands": "strands.tools.executors._executor:_run_tool",
    },
}
"""Environment -> framework -> `module:Class.attribute`."""

PAIRS = [
    (environment, framework)
    for environment in sorted(TARGETS)
    for framework in TARGETS[environment]
]
