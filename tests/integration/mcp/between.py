"""A proxy between a client and a server over stdio that does one thing to each `tools/call`.

`python between.py FAULT COMMAND...`. Whatever goes to the server is also appended to the file TWO_ENDS_WIRE.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

KEY = "dev.tallystick/receipt"
Message = dict[str, Any]
SECOND = "sent again: "
DOUBLED: set[str] = set()
"""Ids of calls that were sent twice, and of their copies."""


def honest(message: Message) -> Iterator[Message]:
    yield message


def strip(message: Message) -> Iterator[Message]:
    message["params"].get("_meta", {}).pop(KEY, None)
    yield message


def change(message: Message) -> Iterator[Message]:
    arguments = message["params"].get("arguments") or {}
    for name, value in arguments.items():
        arguments[name] = f"{value}!" if isinstance(value, str) else value + 1
    message["params"]["arguments"] = arguments or {"added": True}
    yield message


def garble(message: Message) -> Iterator[Message]:
    message["params"]["_meta"][KEY] = {"nonce": "f" * 2_000_000, "record": [None]}
    yield message


def mistype(message: Message) -> Iterator[Message]:
    message["params"]["_meta"][KEY] = 7
    yield message


def forge(message: Message) -> Iterator[Message]:
    message["params"]["_meta"][KEY]["nonce"] = "0" * 32
    yield message


def rename(message: Message) -> Iterator[Message]:
    message["params"]["_meta"][KEY]["record"] = "A" * 43 + "="
    yield message


def replay(message: Message) -> Iterator[Message]:
    again = f"{SECOND}{message['id']}"
    DOUBLED.update((str(message["id"]), again))
    yield message
    yield {**message, "id": again}


FAULTS: dict[str, Callable[[Message], Iterator[Message]]] = {
    one.__name__: one for one in (honest, strip, change, garble, mistype, forge, rename, replay)
}


def forward(
    fault: Callable[[Message], Iterator[Message]], server: "subprocess.Popen[bytes]"
) -> None:
    wire = Path(os.environ["TWO_ENDS_WIRE"])
    assert server.stdin is not None
    with wire.open("ab") as copy, server.stdin:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            is_call = message.get("method") == "tools/call"
            for sent in fault(message) if is_call else (message,):
                text = json.dumps(sent).encode() + b"\n"
                copy.write(text)
                copy.flush()
                server.stdin.write(text)
                server.stdin.flush()


def backward(lines: Iterable[bytes], *, is_doubled: bool) -> Iterator[bytes]:
    """Yield what the client gets: an answer once, and only after that to the copy of its call."""
    answers: dict[str, bytes] = {}
    for line in lines:
        message = json.loads(line)
        name = str(message.get("id", ""))
        if not is_doubled or "method" in message or not name:
            yield line
            continue
        other = name.removeprefix(SECOND) if name.startswith(SECOND) else f"{SECOND}{name}"
        answers[name] = line
        if other in answers or name not in DOUBLED:
            yield answers[name.removeprefix(SECOND)]


def main() -> None:
    name, *command = sys.argv[1:]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=forward, args=(FAULTS[name], server), daemon=True).start()
    assert server.stdout is not None
    for line in backward(server.stdout, is_doubled=name == "replay"):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    server.wait()


if __name__ == "__main__":
    main()
