"""A program for the Claude Agent SDK, 0.1.51 to 0.2, that knows nothing of recording.

The program that runs the tools is the real one, of the package; the model behind it is ours.
"""

import asyncio
import json
import os
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    HookMatcher,
    create_sdk_mcp_server,
    query,
    tool,
)

from tests.integration.frameworks import fake_claude, remote
from tests.integration.frameworks.steps import step_async

HOOKED: list[str] = []


@tool("multiply", "Multiply two numbers elsewhere.", {"a": int, "b": int})  # type: ignore[untyped-decorator,unused-ignore]
async def multiply(given: dict[str, int]) -> dict[str, Any]:
    product = await remote.multiply(given["a"], given["b"])
    return {"content": [{"type": "text", "text": str(product)}]}


async def note(given: Any, call_id: str | None, context: Any) -> dict[str, Any]:
    """Note a call, as a hook of the program's own."""
    HOOKED.append(given["tool_name"])
    return {}


async def refuse(given: Any, call_id: str | None, context: Any) -> dict[str, Any]:
    """Refuse what deletes."""
    if "rm" not in str(given["tool_input"]):
        return {}
    said = {"permissionDecision": "deny", "permissionDecisionReason": "not that"}
    return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **said}}


def options(url: str, **more: Any) -> Any:
    home = os.environ["HOME"]
    return ClaudeAgentOptions(
        env={
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CONFIG_DIR": f"{home}/claude",
        },
        cwd=home,
        model="fake-1",
        setting_sources=[],
        allowed_tools=["Bash", "mcp__desk__multiply"],
        **more,
    )


def told(messages: list[Any]) -> list[Any]:
    """Give what the model was told of its calls."""
    blocks = [b for m in messages for b in (m.content if hasattr(m, "content") else [])]
    results = [b for b in blocks if type(b).__name__ == "ToolResultBlock"]
    return [[b.content, bool(b.is_error)] for b in results]


async def run(url: str, *calls: Any, **more: Any) -> list[Any]:
    prompt = json.dumps(calls)
    return told([m async for m in query(prompt=prompt, options=options(url, **more))])


async def conversed(url: str, *calls: Any) -> list[Any]:
    found: list[Any] = []
    async with ClaudeSDKClient(options=options(url)) as client:
        for call in calls:
            await client.query(json.dumps([call]))
            found += [message async for message in client.receive_response()]
    return told(found)


async def hooked(url: str, *calls: Any) -> list[Any]:
    matcher = HookMatcher(matcher="Bash", hooks=[note, refuse])
    return [*await run(url, *calls, hooks={"PreToolUse": [matcher]}), *HOOKED]


async def own(url: str, *calls: Any) -> list[Any]:
    desk = create_sdk_mcp_server("desk", tools=[multiply])
    return await run(url, *calls, mcp_servers={"desk": desk})


def shell(command: str) -> Any:
    return ["Bash", {"command": command}]


async def work(url: str) -> None:
    outside = ["Write", {"file_path": "/outside/of/it", "content": "x"}]
    await step_async("shell", lambda: run(url, shell("echo to bob@example.com")))
    await step_async("fail", lambda: run(url, shell("echo bob@example.com; exit 3")))
    await step_async("refused", lambda: run(url, outside))
    await step_async("unknown", lambda: run(url, ["Nothing", {}]))
    await step_async("hooked", lambda: hooked(url, shell("rm all"), shell("echo kept")))
    await step_async("talk", lambda: conversed(url, shell("echo one"), shell("echo two")))
    await step_async("own", lambda: own(url, ["mcp__desk__multiply", {"a": 6, "b": 7}]))


if __name__ == "__main__":
    with fake_claude.serving() as address:
        asyncio.run(work(address))
