"""An exporter around any other of OpenTelemetry: what that one sees is masked.

    BatchSpanProcessor(MaskingSpanExporter(OTLPSpanExporter()))

For programs that keep their own pipeline of spans. Masking is that of the records: the same engine,
rules file and token key. Fails closed: a span that cannot be masked is withheld and counted.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tallystick import runtime
from tallystick.clock import SystemClock
from tallystick.config import load_config
from tallystick.masking import Masker
from tallystick.pipeline.masked_span import SpanMasker
from tallystick.shipping.known_service import KnownService

_FLUSH_MS: Final = 30_000
"""OpenTelemetry's default."""

_log = logging.getLogger("tallystick")


class MaskingSpanExporter(SpanExporter):
    """Hands masked copies to the exporter that it wraps; ids stay, the host's spans are only read.

    Safe for several threads, as far as the wrapped exporter is. About 100 µs for each KiB of text, on
    the thread of the processor.
    """

    def __init__(self, exporter: SpanExporter, masker: Masker | None = None) -> None:
        """Wrap `exporter`.

        Without `masker` the masking in force is used: that of the process's recording while there is one,
        else that of the settings and the home directory. Raises ConfigError for settings or a file of
        masking rules that do not fit.
        """
        self._exporter = exporter
        self._given = masker
        self._last = masker or _masker_in_force()
        self._lock = threading.Lock()
        self._withheld = 0

    @property
    def withheld(self) -> int:
        """Spans that could not be masked and were not exported."""
        return self._withheld

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export masked copies; the result is the wrapped exporter's, FAILURE where no span was left."""
        masked = self._masked(spans)
        if spans and not masked:
            return SpanExportResult.FAILURE
        return self._exporter.export(masked)

    def force_flush(self, timeout_millis: int = _FLUSH_MS) -> bool:
        """Flush the wrapped exporter."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Shut the wrapped exporter down."""
        self._exporter.shutdown()

    def _masked(self, spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
        try:
            masker = SpanMasker(self._masker())
        except Exception:  # noqa: BLE001 - fails closed: without a masker nothing is shown
            self._withhold(len(spans))
            return []
        found = []
        for span in spans:
            try:
                found.append(masker.mask(span))
            except Exception:  # noqa: BLE001 - fails closed: whatever went wrong, the span is not shown
                self._withhold(1)
        return found

    def _masker(self) -> Masker:
        running = runtime.current()
        if self._given is None and running is not None:
            self._last = running.masking.masker
        return self._last

    def _withhold(self, count: int) -> None:
        """Count spans; say so once, and nothing of what they hold."""
        with self._lock:
            is_first = self._withheld == 0
            self._withheld += count
        if is_first and count:
            _log.error("tallystick: spans are withheld: they could not be masked")


def _masker_in_force() -> Masker:
    running = runtime.current()
    if running is not None:
        return running.masking.masker
    known = KnownService(load_config(), SystemClock(), lambda text: _log.warning("%s", text))
    return known.printer.masking.masker
