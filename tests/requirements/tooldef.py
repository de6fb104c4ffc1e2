"""Definitions of tools: what is recorded of them, and what is found in them."""

from typing import Final

from tests.requirements.requirement import Requirement

TOOLDEF: Final = {
    "tooldef.flags": Requirement(
        "CoSAI, OWASP MCP03:2025",
        "Hidden characters and text that instructs the model are found in every string of a tool's definition,"
        " and nothing but notices in honest definitions; the statement holds kinds and counts alone.",
    ),
    "tooldef.observed": Requirement(
        "CoSAI",
        "Each definition of each page of a tools/list is recorded once a session, with its digest.",
    ),
    "tooldef.first-use": Requirement(
        "our promise",
        "The definition of a tool that nobody lists, of a framework or a function, is recorded before its first call,"
        " once in a process for each agent; one that passes calls on to an MCP server is that server's, not doubled.",
    ),
    "tooldef.in-force": Requirement(
        "CoSAI", "A call states the digest of the definition under which it ran."
    ),
    "tooldef.changed": Requirement(
        "OWASP MCP03:2025",
        "A definition that differs from the one known before of the same server names that one and the members.",
    ),
    "tooldef.servers-apart": Requirement(
        "our promise", "Servers of one name do not change each other's tools."
    ),
    "tooldef.new-address": Requirement(
        "our promise",
        "A server of a known name at an address that is new to its client is said to be there, with the definition"
        " that its tool had at the former one.",
    ),
    "tooldef.masked": Requirement(
        "GDPR article 5", "Personal data in a tool's definition is masked as in any other value."
    ),
}
