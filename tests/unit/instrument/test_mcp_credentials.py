"""What a client sends to a server, as its transport function was given it."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest

from tallystick.capture.identity import Credential
from tallystick.instrument.mcp_credentials import note, sent_credential


class Stream:
    """Stands for the read stream of a client."""


def sent(*args: Any, **kwargs: Any) -> Credential:
    stream = Stream()
    note(stream, args, kwargs)
    return sent_credential(stream)


URL = "https://mcp.example/mcp"
BEARER = {"Authorization": "Bearer t-1"}


class Secret:
    """pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        return "t-1"


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((URL, BEARER), {}),
        ((URL,), {"headers": BEARER}),
        ((URL,), {"http_client": SimpleNamespace(headers=BEARER, auth=None)}),
        ((URL,), {"auth": SimpleNamespace(token=Secret())}),
        ((URL,), {"headers": {"X-Other": "1"}, "auth": SimpleNamespace(token="t-1")}),
        (
            (URL,),
            {
                "auth": SimpleNamespace(
                    context=SimpleNamespace(current_tokens=SimpleNamespace(access_token="t-1"))
                )
            },
        ),
    ],
)
def test_a_token_is_found_wherever_it_was_given(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    found = sent(*args, **kwargs)
    assert (found.kind, found.secret) == ("opaque", "t-1")


def test_a_password_is_digested_as_the_server_sees_it() -> None:
    header = "Basic " + base64.b64encode(b"ada:x").decode()
    found = sent(URL, auth=SimpleNamespace(_auth_header=header))
    assert (found.kind, found.secret) == ("basic", header.removeprefix("Basic "))


def test_a_token_that_was_renewed_is_the_new_one() -> None:
    stream, tokens = Stream(), SimpleNamespace(access_token=None)
    auth = SimpleNamespace(context=SimpleNamespace(current_tokens=tokens))
    note(stream, (URL,), {"auth": auth})
    assert sent_credential(stream).secret is None
    for token in ("one", "two"):
        tokens.access_token = token
        assert sent_credential(stream).secret == token


@pytest.mark.parametrize("headers", [None, 7, {}, {"Accept": "x"}])
def test_a_client_that_sends_none_has_none(headers: object) -> None:
    assert sent(URL, headers=headers) == Credential()
    assert sent_credential(Stream()) == Credential()


def test_what_is_remembered_does_not_show_a_secret() -> None:
    stream = Stream()
    note(stream, (URL, BEARER), {})
    assert "t-1" not in repr(sent_credential(stream))
