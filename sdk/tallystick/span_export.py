"""The private tracer provider: spans of our own calls to the service, over OTLP/HTTP, in batches.

Best effort: what the batch processor drops under load is lost as a span, and stands in the record.
"""

import os
import threading
from queue import SimpleQueue
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from tallystick.config import Config
from tallystick.signals import left_to_the_host

EXPORT_TIMEOUT_S: Final = 10


class BoundedFlush:
    """Flushes a provider and waits for it no longer than asked. Safe to call from several threads.

    `force_flush` of the batch processor knows no limit: while the service is away it takes as long as all
    retries of the exporter. So a thread of its own waits for it, made early, because none can be
    started while the interpreter shuts down (Python 3.12).
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._begin()

    def __call__(self, timeout_s: float) -> bool:
        """Flush; whether that was done within `timeout_s`."""
        if self._pid != os.getpid():  # a fork: the thread is the parent's
            self._begin()
        done = threading.Event()
        self._asked.put(done)
        return done.wait(timeout_s)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._asked: SimpleQueue[threading.Event] = SimpleQueue()
        thread = threading.Thread(target=self._serve, name="tallystick-spans", daemon=True)
        with left_to_the_host():
            thread.start()

    def _serve(self) -> None:
        while True:
            done = self._asked.get()
            self._provider.force_flush()
            done.set()


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
        sampler=ALWAYS_ON,
        resource=Resource.create({k: v for k, v in stated.items() if v}),
        shutdown_on_exit=False,  # the runtime flushes, and does not wait for ever
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
