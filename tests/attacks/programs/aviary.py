"""An MCP server in which canaries fly: `aviary.py CANARIES WITNESS [PORT]`, over stdio, or HTTP on PORT.

CANARIES is a JSON object: name -> sentence. What the server is sent it writes into the file WITNESS.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any, Final

from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations
from pydantic import AnyHttpUrl

import tallystick

SENTENCES: Final[dict[str, str]] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
ALL: Final = "; ".join(SENTENCES.values())
WITNESS: Final = Path(sys.argv[2])


class Verifier:
    """Believes every token, and says personal things about its holder."""

    async def verify_token(self, token: str) -> AccessToken:
        witness({"token": token})
        claims = {
            "iss": "https://login.example.com/",
            "sub": SENTENCES["email"],
            "act": {"sub": SENTENCES["phone"], "act": {"sub": SENTENCES["api_key"]}},
            "note": ALL,
        }
        return AccessToken(
            token=token,
            client_id=SENTENCES["nino"],
            scopes=["use", SENTENCES["card"]],
            subject=SENTENCES["email"],
            claims=claims,
        )


def witness(value: object) -> None:
    """Write down what was received."""
    with WITNESS.open("a", encoding="utf-8") as file:
        print(json.dumps(value, default=str), file=file)


def build(port: int | None) -> MCPServer[None]:
    security: dict[str, Any] = {}
    if port is not None:
        security["token_verifier"] = Verifier()
        security["auth"] = AuthSettings(
            issuer_url=AnyHttpUrl("https://login.example.com/"),
            resource_server_url=AnyHttpUrl(f"http://127.0.0.1:{port}/mcp"),
        )
    server: MCPServer[None] = MCPServer(
        f"aviary of {SENTENCES['email']}",
        version=SENTENCES["phone"],
        instructions=ALL,
        log_level="CRITICAL",
        **security,
    )

    @server.tool(
        title=ALL,
        description=f"Echo. {ALL}",
        annotations=ToolAnnotations(title=ALL, read_only_hint=True),
    )
    def echo(note: str, details: dict[str, Any]) -> dict[str, Any]:
        witness({"note": note, "details": details})
        return {"note": note, "details": details, "all": ALL}

    @server.tool(description=ALL)
    def fail(note: str) -> str:
        witness({"note": note})
        tallystick.decide(
            "deny", policy_id=SENTENCES["email"], rule=SENTENCES["phone"], reason=f"because {note}"
        )
        error = PermissionError(note)
        error.add_note(ALL)
        raise error from LookupError(ALL)

    @server.resource("crm://customer/{mail}", description=ALL)
    def customer(mail: str) -> str:
        witness({"mail": mail})
        return f"{mail}: {ALL}"

    @server.prompt(description=ALL)
    def letter(to: str) -> str:
        witness({"to": to})
        return f"Dear {to}, {ALL}"

    return server


def main() -> None:
    logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)  # what mcp itself prints is not ours
    port = int(sys.argv[3]) if len(sys.argv) > 3 else None
    if port is None:
        build(None).run("stdio")
    else:
        build(port).run("streamable-http", host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
