"""A model at a local address, for programs that ask one by HTTP: it asks for the tools that its prompt lists.

A prompt may be a JSON list of [tool, arguments]; after their results comes the answer "done".
"""

import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

_numbers: Final = itertools.count(1)


@contextmanager
def serving(*calls: Any) -> Iterator[str]:
    """Serve until the end of the block; gives the address. `calls` are for a prompt that lists none."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"calls": calls}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    calls: ClassVar[Sequence[Any]] = ()

    def log_message(self, *args: object) -> None: ...

    def do_HEAD(self) -> None:
        self._send(b"", "text/plain")

    def do_GET(self) -> None:
        self._send(b"{}", "application/json")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "count_tokens" in self.path:
            self._send(b'{"input_tokens": 1}', "application/json")
        elif not self.path.startswith("/v1/messages"):
            self._send(b"{}", "application/json")
        elif asked.get("stream"):
            self._send(_events(_block(asked, self.calls)), "text/event-stream")
        else:
            self._send(
                json.dumps(_message([_block(asked, self.calls)])).encode(), "application/json"
            )

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _block(asked: dict[str, Any], calls: Sequence[Any]) -> dict[str, Any]:
    """Give the next call of the newest prompt, else the answer."""
    plan, results, before = calls, 0, 0
    for text, is_result in _parts(asked["messages"]):
        if is_result:
            results += 1
        elif text.startswith("[["):
            plan, before, results = json.loads(text), before + results, 0
    if not asked.get("tools") or results >= len(plan):
        return {"type": "text", "text": "done"}
    name, given = plan[results]
    return {"type": "tool_use", "id": f"call-{before + results}", "name": name, "input": given}


def _parts(messages: list[Any]) -> Iterator[tuple[str, bool]]:
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] == "user":
            for block in blocks:
                yield str(block.get("text", "")), block["type"] == "tool_result"


def _message(content: list[Any]) -> dict[str, Any]:
    asks = any(block["type"] == "tool_use" for block in content)
    return {
        "id": f"msg_{next(_numbers)}",  # the program joins messages of one id
        "type": "message",
        "role": "assistant",
        "model": "fake-1",
        "content": content,
        "stop_reason": "tool_use" if asks else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def _events(block: dict[str, Any]) -> bytes:
    """Give the reply as the stream of events that a client reads."""
    whole = _message([block])
    if block["type"] == "text":
        empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        empty = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    sent: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in sent).encode()
