"""The private tracer provider: spans of our own calls to the service, over OTLP/HTTP, in batches.

Best effort: what the batch processor drops under load is lost as a span, and stands in the record.
"""

from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from tallystick.config import Config

EXPORT_TIMEOUT_S: Final = 10


def exporting_provider(endpoint: str, api_key: str | None, config: Config) -> TracerProvider:
    """Return a provider that is nobody's global and exports every span to `endpoint`."""
    stated = {
        "service.name": config.service_name,
        "service.version": config.service_version,
        "deployment.environment.name": config.environment,
    }
    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint}/v1/traces",
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
        timeout=EXPORT_TIMEOUT_S,
    )
    provider = TracerProvider(
        sampler=ALWAYS_ON, resource=Resource.create({k: v for k, v in stated.items() if v})
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
