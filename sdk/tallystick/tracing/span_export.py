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

from tallystick.certificates import named_certificates, shown_certificate
from tallystick.config import Config
from tallystick.signals import left_to_the_host

EXPORT_TIMEOUT_S: Final = 10


class _Exporter(OTLPSpanExporter):
    """The exporter, which may be told twice to end: by us, and then by the processor."""

    _is_ended = False

    def shutdown(self) -> None:
        if not self._is_ended:
            self._is_ended = True
            super().shutdown()  # type: ignore[no-untyped-call]


class SpanExport:
    """A provider that is nobody's global, and exports every span to the service. Safe for several threads.

    `force_flush` of the batch processor knows no limit: while the service is away it takes as long as all
    retries of the exporter. So a thread of its own waits for it, made early, because none can be
    started while the interpreter shuts down (Python 3.12).
    """

    def __init__(self, endpoint: str, api_key: str | None, config: Config) -> None:
        """Export to `endpoint`; nothing is sent before the first span."""
        certificate, key = shown_certificate() or (None, None)
        self._exporter = _Exporter(
            endpoint=f"{endpoint}/v1/traces",
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=EXPORT_TIMEOUT_S,
            certificate_file=named_certificates(),
            client_certificate_file=certificate,
            client_key_file=key,
        )
        self.provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=_resource(config),
            shutdown_on_exit=False,  # the runtime flushes, and does not wait for ever
        )
        self.provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._begin()

    def flush(self, timeout_s: float) -> bool:
        """Export what ended; whether that was done within `timeout_s`."""
        if self._pid != os.getpid():  # a fork: the thread is the parent's
            self._begin()
        done = threading.Event()
        self._asked.put(done)
        return done.wait(timeout_s)

    def end(self) -> None:
        """Give up what is not exported, and end the threads soon; returns at once."""
        if self._pid == os.getpid():
            self._exporter.shutdown()  # interrupts a retry, for which everything else would wait
            self._asked.put(None)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._asked: SimpleQueue[threading.Event | None] = SimpleQueue()
        thread = threading.Thread(target=self._serve, name="tallystick-spans", daemon=True)
        with left_to_the_host():
            thread.start()

    def _serve(self) -> None:
        while (done := self._asked.get()) is not None:
            self.provider.force_flush()
            done.set()
        self.provider.shutdown()


def _resource(config: Config) -> Resource:
    stated = {
        "service.name": config.service_name,
        "service.version": config.service_version,
        "deployment.environment.name": config.environment,
    }
    return Resource.create({name: text for name, text in stated.items() if text})
