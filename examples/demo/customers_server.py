"""An MCP server over customers' data, with roles: `python -m examples.demo.customers_server PORT KEY`.

It answers over streamable HTTP to bearer tokens. Nothing in it is about recording but `authorize`,
which tells the audit log what was decided, and why. Run it under `tallystick run --`.
"""

import signal
import sys
from pathlib import Path
from typing import Final

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import AnyHttpUrl

import tallystick
from examples.demo.people import customers
from examples.demo.tokens import ISSUER, JwtVerifier

CUSTOMERS: Final = {customer["id"]: customer for customer in customers(250)}
READ_ONLY: Final = ToolAnnotations(read_only_hint=True)


def authorize(scope: str) -> None:
    """Let the call go on if the token grants `scope`; record the decision either way."""
    token = get_access_token()
    granted = token is not None and scope in token.scopes
    tallystick.decide(
        "allow" if granted else "deny",
        policy_id="customers-by-scope",
        policy_version="1",
        rule=scope,
        reason=None if granted else f"the token does not grant {scope}",
    )
    if not granted:
        raise ToolError(f"the token does not grant {scope}")


def build(port: int, key: Path) -> MCPServer[None]:
    """Make the server that answers on `port` to tokens signed with the key in the file `key`."""
    url = f"http://127.0.0.1:{port}/mcp"
    server: MCPServer[None] = MCPServer(
        "customers",
        version="1.0.0",
        token_verifier=JwtVerifier(key, url),
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(ISSUER),
            resource_server_url=AnyHttpUrl(url),
            required_scopes=["customers:read"],
            validate_token_resource=False,  # the verifier checks the audience
        ),
        log_level="WARNING",
    )

    @server.tool(annotations=READ_ONLY)
    def find_customer(email: str) -> dict[str, object]:
        """Find one customer by e-mail address."""
        authorize("customers:read")
        found = [one for one in CUSTOMERS.values() if one["email"] == email]
        if not found:
            raise ToolError(f"nobody has the address {email}")
        return found[0]

    @server.tool(annotations=READ_ONLY)
    def list_customers(limit: int = 5) -> list[dict[str, object]]:
        """List customers: the limit is the caller's, and nobody checks it."""
        authorize("customers:read")
        return list(CUSTOMERS.values())[:limit]

    @server.tool()
    def add_note(customer_id: int, note: str) -> str:
        """Add a note to a customer's file."""
        authorize("customers:write")
        return f"noted for {CUSTOMERS[customer_id]['name']}: {note}"

    @server.tool(annotations=ToolAnnotations(destructive_hint=True))
    def delete_customer(customer_id: int) -> str:
        """Delete a customer for good."""
        authorize("customers:delete")
        return f"deleted {CUSTOMERS.pop(customer_id)['name']}"

    return server


def main() -> None:
    """Serve until stopped; then leave by the front door, so that the session is closed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn stops, then raises it again
    port, key = int(sys.argv[1]), Path(sys.argv[2])
    build(port, key).run("streamable-http", host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
