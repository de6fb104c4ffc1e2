"""OTLP over gRPC: the three export services on a port of their own, before the same intake as HTTP.

The credential is looked at before the message is read, and messages are inflated here, within the limit:
gRPC's own library checks the size of what it inflates only in its newer versions. Each answer carries the
newest signed checkpoint as trailing metadata, and a sender may show one, as over HTTP (edge.py).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

import grpc
from cryptography import x509

from tallystick.errors import AuthenticationError, ConfigError
from tallystick_ingest.auth.certificates import certificate_names
from tallystick_ingest.auth.challenge import Challenges
from tallystick_ingest.auth.gate import CERTIFICATE
from tallystick_ingest.edge import CHECKPOINT_HEADER, Heads, observe, shown_header
from tallystick_ingest.handshakes import HANDSHAKE_S
from tallystick_ingest.operations.metering import CUT_OFF
from tallystick_ingest.operations.metrics import Metrics
from tallystick_ingest.otlp.answer import GRPC_CODES, Signal, status_of, success
from tallystick_ingest.otlp.body import PROTOBUF, BodyForm, UndecodableError
from tallystick_ingest.otlp.http import (
    FAULT,
    REFUSALS,
    Intake,
    Received,
    RefusedWhole,
    joined,
    report_fault,
)
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.tls import Tls
from tallystick_ingest.verdict import Verdict, message

MAX_STREAMS: Final = 128
"""Requests at one time on one connection; exporters send one."""
MAX_METADATA_BYTES: Final = 64 * 1024
MAX_INCOMING: Final = 4
"""Messages of one sender on their way in at one time; how large one is shows only when it is here."""
CHALLENGE_KEY: Final = "www-authenticate"
STATUS_KEY: Final = "grpc-status-details-bin"
"""Where gRPC carries a google.rpc.Status."""

_COLLECTOR: Final = "/opentelemetry.proto.collector"
_METHODS: Final[dict[str, Signal]] = {
    f"{_COLLECTOR}.logs.v1.LogsService/Export": "logs",
    f"{_COLLECTOR}.metrics.v1.MetricsService/Export": "metrics",
    f"{_COLLECTOR}.trace.v1.TraceService/Export": "traces",
}
_CREDENTIALS: Final = ("authorization", CERTIFICATE)
_REFUSED: Final = ":refused"
"""Stands beside the metadata where the certificate of a client is worth nothing any more."""
_PEER_CERTIFICATE: Final = "x509_pem_cert"
"""Where gRPC has the certificate of a client, once it was verified."""
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_GZIP: Final = b"\x1f\x8b"
"""As protobuf: field 3 of a wire type that does not exist."""
_ZLIB_FIRST: Final = 0x78


class Service(Heads, Protocol):
    """What this needs of the service."""

    @property
    def challenges(self) -> Challenges:
        """Return what is said to whoever came without a token that suffices."""

    @property
    def intake(self) -> Intake:
        """Return what takes the requests."""

    @property
    def metrics(self) -> Metrics:
        """Return what counts them."""


class Tenants(Protocol):
    """Who is served."""

    @property
    def operator(self) -> Service:
        """Return the service whose limits hold for the port."""

    def holder(self, headers: Mapping[str, str]) -> Service:
        """Return the service whose credential a request shows; the operator's for one of nobody."""


class RpcListener:
    """The port. Make and use it on one event loop."""

    def __init__(
        self,
        tenants: Tenants,
        host: str,
        port: int,
        max_connections: int,
        tls: Tls | None = None,
    ) -> None:
        """Serve nothing yet; raise ConfigError when the address cannot be had."""
        intake = tenants.operator.intake
        self._handler = _Handler(tenants, tls)
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.per_message_decompression", 0),
                ("grpc.max_receive_message_length", intake.limits.body_bytes),
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
                ("grpc.max_allowed_incoming_connections", max_connections),
                ("grpc.server_handshake_timeout_ms", int(_handshake_s(intake) * 1000)),
            ]
        )
        self._server.add_generic_rpc_handlers((self._handler,))
        bracketed = f"[{host}]" if ":" in host else host
        try:
            self.port: int = (
                self._server.add_insecure_port(f"{bracketed}:{port}")
                if tls is None
                else self._server.add_secure_port(f"{bracketed}:{port}", tls.grpc_credentials())
            )
        except RuntimeError as error:
            raise ConfigError(f"cannot listen on {host}, port {port}, for gRPC") from error

    @property
    def in_progress(self) -> int:
        """How many requests are being answered."""
        return self._handler.in_progress

    async def start(self) -> None:
        """Take requests from here on."""
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Take no more requests, and end those in progress after `grace_s`."""
        await self._server.stop(grace_s)


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    def __init__(self, tenants: Tenants, tls: Tls | None) -> None:
        self._tenants = tenants
        self._tls = tls
        self.in_progress = 0
        self._incoming: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def service(self, handler_call_details: Any) -> Any:  # noqa: ANN401 - types of grpc
        """Find the handler of a method; a stream of one message is read only when we want it."""
        signal = _METHODS.get(handler_call_details.method)
        if signal is None:
            return None
        return grpc.stream_unary_rpc_method_handler(partial(self._export, signal))

    async def _export(
        self,
        signal: Signal,
        messages: AsyncIterator[bytes],
        context: Any,  # noqa: ANN401 - a grpc.aio.ServicerContext
    ) -> bytes:
        metadata = _metadata(context, self._tls)
        service = self._tenants.holder(metadata)
        self.in_progress += 1
        status, began_s = CUT_OFF, time.perf_counter()
        try:
            status, said = await self._answer(service, signal, messages, metadata)
        finally:
            self.in_progress -= 1
            took_s = time.perf_counter() - began_s
            service.metrics.note_request("grpc", f"/v1/{signal}", status, took_s)
        challenge = service.challenges.challenge(
            status, "/v1/", has_credential="authorization" in metadata
        )
        trailing = [] if challenge is None else [(CHALLENGE_KEY, challenge)]
        trailing += [(name.decode(), value.decode()) for name, value in shown_header(service)]
        if isinstance(said, bytes):
            context.set_trailing_metadata(tuple(trailing))
            return said
        details = (STATUS_KEY, status_of(status, said))
        await context.abort(_CODES[GRPC_CODES[status]], said, (*trailing, details))
        raise AssertionError  # abort has raised

    async def _answer(
        self,
        service: Service,
        signal: Signal,
        messages: AsyncIterator[bytes],
        metadata: Mapping[str, str],
    ) -> tuple[int, bytes | str]:
        """Return the status as HTTP counts it, and the response or what is wrong."""
        path = f"/v1/{signal}"
        try:
            await observe(service, metadata.get(CHECKPOINT_HEADER, ""))
            return await self._take(service.intake, signal, messages, metadata)
        except BusyError as busy:
            return 503, str(busy)
        except Exception as fault:  # noqa: BLE001 - an UNKNOWN would make exporters drop their data
            report_fault(path, fault)
            return 503, FAULT

    async def _take(
        self,
        intake: Intake,
        signal: Signal,
        messages: AsyncIterator[bytes],
        metadata: Mapping[str, str],
    ) -> tuple[int, bytes | str]:
        caller, body = None, None
        if intake.is_stopping:
            raise BusyError("the service is stopping: send this request again")
        try:
            if _REFUSED in metadata:
                raise AuthenticationError(metadata[_REFUSED])
            caller = await intake.authenticate(
                {name: metadata[name] for name in _CREDENTIALS if name in metadata}
            )
            caller.require("ingest")
            body = await self._message(caller.id, messages, intake.body_timeout_s)
            claim = intake.claim(caller.id)
            try:
                claim.grow(len(body))
                form = BodyForm(PROTOBUF, _encoding(body))
                outcome = await intake.take(Received(caller, signal, form, body, claim))
            finally:
                claim.release()
        except tuple(REFUSALS) as error:
            status, reason = REFUSALS[type(error)]
            await intake.note_refusal(RefusedWhole(f"/v1/{signal}", reason, caller, body))
            return status, str(error)
        return 200, _success(signal, outcome)

    async def _message(
        self, sender: str, messages: AsyncIterator[bytes], timeout_s: float
    ) -> bytes:
        turn = self._incoming.setdefault(sender, asyncio.Semaphore(MAX_INCOMING))
        try:
            async with asyncio.timeout(timeout_s), turn:
                async for body in messages:
                    return body
        except TimeoutError:
            raise BusyError(
                f"the message did not come within {timeout_s:g} seconds: send it again"
            ) from None
        raise UndecodableError("the call holds no message: expected one")


def _handshake_s(intake: Intake) -> float:
    return min(HANDSHAKE_S, intake.body_timeout_s)


def _success(signal: Signal, outcome: Verdict) -> bytes:
    refusals = outcome.refusals
    return success(PROTOBUF, signal, len(refusals), message(refusals) or outcome.warning).body


def _metadata(context: Any, tls: Tls | None) -> dict[str, str]:  # noqa: ANN401 - a grpc.aio.ServicerContext
    given = context.invocation_metadata() or ()
    found = joined((name, value) for name, value in given if isinstance(value, str))
    for own in (CERTIFICATE, _REFUSED):
        found.pop(own, None)
    peer = None if tls is None else _peer(context.auth_context().get(_PEER_CERTIFICATE, ()))
    if tls is None or peer is None:
        return found
    refused = tls.refusal(peer)
    said = {} if refused is None else {_REFUSED: refused}
    return {**found, CERTIFICATE: certificate_names(peer), **said}


def _peer(shown: Sequence[bytes]) -> x509.Certificate | None:
    """Return the certificate that TLS verified; None where there is none."""
    try:
        return x509.load_pem_x509_certificate(shown[0]) if shown else None
    except ValueError:
        return None  # gRPC takes forms that the stricter parser refuses: worth nothing here


def _encoding(body: bytes) -> str:
    """Tell how a message is compressed: gRPC hides the flag, and no OTLP message starts like these."""
    if body[:2] == _GZIP:
        return "gzip"
    is_zlib = body[:1] == bytes([_ZLIB_FIRST]) and int.from_bytes(body[:2]) % 31 == 0
    return "deflate" if is_zlib else "identity"
