"""Texts that an agent could write to attack whoever reads its record."""

from typing import Final

MARKUP: Final = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "\"'><details open ontoggle=alert(1)>",
    "[look](javascript:alert(1))",
    "![look](http://127.0.0.1:9/stolen.png)",
    "<a href='http://127.0.0.1:9/'>look</a>",
    "http://127.0.0.1:9/autolinked",
    "# heading **bold** `code` $\\sqrt{x}$ :red[red] :material/verified: :shield:",
    "{{7*7}} ${7*7} {% raw %}",
    "datum.constructor.constructor('alert(1)')()",
    '=HYPERLINK("http://127.0.0.1:9/")',
)
"""Markup of pages, of Markdown with Streamlit's directives, of templates, charts and spreadsheets."""

INVISIBLE: Final = {
    "\u202e": "the text turns round",
    "\u2066": "the text is kept apart",
    "\u200b": "no width",
    "\ufeff": "no width either",
    "\x1b": "an order to a terminal",
    "\x00": "nothing",
    "\x85": "a control character of the second kind",
}
"""Characters that a reader does not see, and what each does."""

DISGUISED: Final = "refund\u202etxt.exe\u200b\x1b[31m\x85"
LENGTHS: Final = (200_000, 1_000_000)
"""Characters of a value that is kept whole, and of one that is too large for that."""

NAMES: Final = (*MARKUP, DISGUISED)

PROGRAM: Final = """
import json, sys
import tallystick

names, lengths = json.loads(sys.argv[1]), json.loads(sys.argv[2])
tallystick.instrument()
for name in names:
    with tallystick.caller(user_id=name, client_id=name), tallystick.agent(name):
        with tallystick.tool_call(name, {name: name, "list": [name]}) as call:
            call.result({name: name})
for length in lengths:
    long = {"text": "ab " * (length // 3)}
    with tallystick.agent("long"), tallystick.tool_call(f"long{length}", long) as call:
        call.result("cd " * (length // 3))
"""
"""Records each name in every place where a program can put a text."""
