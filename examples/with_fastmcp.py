"""A fastmcp server and a client of it: both ends of each call are recorded, in one trace.

pip install tallystick fastmcp
python examples/with_fastmcp.py
"""

import asyncio

from fastmcp import Client, FastMCP

import tallystick

tallystick.instrument()  # the one line

server = FastMCP("billing")


@server.tool
def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


async def main() -> None:
    """Call the tool as an agent would."""
    with tallystick.caller(user_id="ada"), tallystick.agent("billing"):
        async with Client(server) as client:
            result = await client.call_tool("refund", {"invoice": 17, "euro": 20})
    print(result.data)


asyncio.run(main())
