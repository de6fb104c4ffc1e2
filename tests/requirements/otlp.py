"""OTLP over HTTP and gRPC."""

from typing import Final

from tests.requirements.requirement import Requirement

OTLP: Final = {
    "otlp.success-after-commit": Requirement(
        "promise: 200 only after the durable commit",
        "The fsync of the commit comes before the first byte of the 200.",
    ),
    "otlp.collector": Requirement(
        "promise: records survive a Collector that leaves their bodies alone",
        "Merged, split, repeated and reordered requests give the same records; a rewritten body never counts as"
        " sealed, and what is refused is on record.",
    ),
    "otlp.partial-success": Requirement(
        "OTLP 1.11, partial success",
        "Bad records are counted with a reason; the good ones of the same request are kept.",
    ),
    "otlp.grpc": Requirement(
        "OTLP 1.11, OTLP/gRPC",
        "Traces, logs and metrics are taken over gRPC as over HTTP: same limits, same keys, partial success, and"
        " the status codes that the specification gives.",
    ),
    "otlp.bounded-cost": Requirement(
        "promise: the cost of a request is bounded by what its sender paid for it",
        "Records and objects are counted before they are made, bodies in room that they fill, heads and bodies have a"
        " time, and a flood of refusals is recorded by count.",
    ),
    "otlp.intake-processes": Requirement(
        "promise: what others send in bulk is decoded and masked beside the service, in as many processes as wanted",
        "A process gives what the service itself would; one that ends costs one request a 503, and none outlives the"
        " service.",
    ),
    "otlp.content-type-answered": Requirement(
        "OTLP 1.11, OTLP/HTTP response",
        "Protobuf is answered in protobuf and JSON in JSON, errors too.",
    ),
    "otlp.never-500": Requirement(
        "promise: no 500 for bad input; OTLP 1.11, failures",
        "Garbage is a 400, an unknown type 415, a body over the limit 413, overload 503.",
    ),
    "otlp.foreign-client": Requirement(
        "OTLP 1.11, both encodings and transports",
        "What OpenTelemetry JavaScript sends, over HTTP and gRPC, is accepted, masked, and marked as"
        " derived and not signed.",
    ),
}
