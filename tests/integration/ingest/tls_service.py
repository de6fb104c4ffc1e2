"""A service that speaks TLS on its ports, and clients that send to it with and without a certificate."""

from collections.abc import Mapping
from pathlib import Path

import grpc
import requests

from tests.certificates import Authority, Pair
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.sending import JSON, as_protobuf, span_json
from tests.serving import Service

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
GRANTS = "uri=spiffe://example.org/collector->ingest, dns=reader.example.org->read"


class Secured(Service):
    """A service that is asked without TLS where this machine's own programs are."""

    outer: int = 0
    grpc_port: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.outer}"


def secured(root: Path, authority: Authority, *options: str, server: Pair | None = None) -> Secured:
    """Make a service whose `port`, which `ask` uses, is that of this machine; nothing runs yet."""
    pair = server or authority.server()
    made = Secured(root)
    made.outer, made.grpc_port, made.port = free_port(), free_port(), free_port()
    made.options = (
        *("--local-port", str(made.port), "--port", str(made.outer)),
        *("--grpc-port", str(made.grpc_port)),
        *("--tls-certificate", str(pair.certificate), "--tls-key", str(pair.key), *options),
    )
    return made


def send(
    service: Secured,
    authority: Authority,
    pair: Pair | None = None,
    headers: Mapping[str, str] | None = None,
) -> int:
    answer = requests.post(
        f"{service.url}/v1/traces",
        span_json({"over": "tls"}),
        headers={"Content-Type": JSON, **(headers or {})},
        verify=str(authority.file),
        cert=None if pair is None else (str(pair.certificate), str(pair.key)),
        timeout=PATIENCE_S,
    )
    return answer.status_code


def send_rpc(
    service: Secured, authority: Authority, pair: Pair | None = None, key: str = ""
) -> grpc.StatusCode:
    credentials = grpc.ssl_channel_credentials(
        authority.file.read_bytes(),
        *((pair.key.read_bytes(), pair.certificate.read_bytes()) if pair else (None, None)),
    )
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    with grpc.secure_channel(f"localhost:{service.grpc_port}", credentials) as channel:
        try:
            channel.unary_unary(EXPORT)(
                as_protobuf(span_json()), metadata=metadata, timeout=30, wait_for_ready=True
            )
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK
