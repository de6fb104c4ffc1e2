"""Names of OpenTelemetry's GenAI and MCP semantic conventions that our spans carry.

A table of our own: the conventions moved to a repository without a package of constants, and the ones
in `opentelemetry.semconv` are marked deprecated. Status of all of them: Development, November 2026.
"""

from typing import Final

GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
GEN_AI_AGENT_ID: Final = "gen_ai.agent.id"
GEN_AI_AGENT_VERSION: Final = "gen_ai.agent.version"

MCP_METHOD_NAME: Final = "mcp.method.name"
MCP_PROTOCOL_VERSION: Final = "mcp.protocol.version"
JSONRPC_REQUEST_ID: Final = "jsonrpc.request.id"
NETWORK_TRANSPORT: Final = "network.transport"
ERROR_TYPE: Final = "error.type"

ACTION_ID: Final = "tallystick.action.id"
"""Ours: the signed records of the call state the same id."""

EXECUTE_TOOL: Final = "execute_tool"
INVOKE_AGENT: Final = "invoke_agent"

NETWORK_TRANSPORTS: Final = {"stdio": "pipe", "http": "tcp"}
"""mcp.transport of a record -> network.transport of its span; memory has none."""

FROM_STATEMENT: Final = {
    "tool.name": GEN_AI_TOOL_NAME,
    "tool.call_id": GEN_AI_TOOL_CALL_ID,
    "prompt.name": GEN_AI_PROMPT_NAME,
    "agent.name": GEN_AI_AGENT_NAME,
    "agent.id": GEN_AI_AGENT_ID,
    "agent.version": GEN_AI_AGENT_VERSION,
    "mcp.method": MCP_METHOD_NAME,
    "mcp.protocol_version": MCP_PROTOCOL_VERSION,
    "jsonrpc.request_id": JSONRPC_REQUEST_ID,
    "action.id": ACTION_ID,
}
"""Field of a statement -> attribute of the span. No arguments, results, users or messages among them."""
