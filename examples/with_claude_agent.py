"""A Claude agent whose tool calls are recorded, those that its own program runs too.

pip install tallystick claude-agent-sdk
ANTHROPIC_API_KEY=... python examples/with_claude_agent.py
"""

import asyncio

from claude_agent_sdk import ClaudeAgentOptions, ToolResultBlock, UserMessage, query

import tallystick

tallystick.instrument()  # the one line


async def main() -> None:
    """Ask once, and print what the tool said."""
    options = ClaudeAgentOptions(allowed_tools=["Bash"], setting_sources=[])
    asked = "Run the command: echo refunded 20 euro for invoice 17"
    async for message in query(prompt=asked, options=options):
        if isinstance(message, UserMessage):
            results = [block for block in message.content if isinstance(block, ToolResultBlock)]
            print(*(block.content for block in results))


with tallystick.caller(user_id="ada"):
    asyncio.run(main())
