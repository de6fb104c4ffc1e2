"""The demonstration: two agents, three MCP servers, one audit log, and an auditor who trusts none of them."""
