"""Texts that would like to act, and a log and a system card that are full of them."""

import json

from tests.builder import Session
from tests.exporting import benign_call
from tests.store_log import StoreLog

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "</style></title><base href=//evil>",
    "'; DROP TABLE events; --",
    '=HYPERLINK("http://evil")',
    "\u202egnissap\u2066\u200b\ufeff",
    "a\x00b\x1b]0;x\x07\r\nc",
    "\\u0000 \\x00 %s %n ${jndi:ldap://x}",
    "'\"$.[]*?#",
    "supports 100 % compliant",
    "\U000e0041\u3164\u2800\u00ad",
    "z" + "\u0335" * 500,
    "w" * 4_000,
    "",
)


def hostile_session(log: StoreLog) -> None:
    session = Session(log, "hostile")
    session.open()
    for number, text in enumerate(HOSTILE):
        benign_call(
            session,
            number,
            agent__name=text,
            agent__parent_name=text,
            agent__version=text,
            client__name=text,
            decision__rule=text,
            error__type=text,
            mask__hits={text if text.isascii() else "other": 1},
            outcome=text,
            principal__basis=text,
            server__name=text,
            server__version=text,
            tool__definition_digest=text,
            tool__name=text,
        )
        session.ship(session.record("tool.denied", tool__name=text, decision__policy_id=text))
        attributes = {"attributes": json.dumps({"new": text, "conclusion": text, "reason": text})}
        session.ship(session.record("config.changed", attributes, agent__name=text))
        session.ship(session.record("risk.flagged", {"attributes": text or "{"}, trace__id=text))
        session.ship(session.record("approval.requested", approval__id=text, approval__mode=text))
        session.ship(session.record("log.drop", drop__count=number, drop__reason=text))
        session.ship(
            session.record(
                "log.reject",
                reject__counts={text if text.isascii() else "other": 1},
                reject__path=text,
            )
        )
        session.ship(session.record("access.read", access__target=text, client__id=text))
    session.ship(session.record("tool.completed", time_us=2**53 - 1, span__start_us=-(2**53) + 1))
    session.seal()
    session.close()


def hostile_card() -> str:
    quoted = [json.dumps(text) for text in HOSTILE if text.isprintable() and text][:6]
    fields = ("system_id", "name", "version", "reference")
    lines = [f"  {name}: {text}" for name, text in zip(fields, quoted, strict=False)]
    escaped = '  eu_database_id: "\\u202eevil\\u200b <b>"'
    tools = "".join(f"    - {{name: {text}}}\n" for text in quoted)
    return "identity:\n" + "\n".join([*lines, escaped]) + f"\ninventory:\n  tools:\n{tools}"
