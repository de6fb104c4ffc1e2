"""Records of two people in one store: what an erasure must take, and what it must leave."""

from tallystick.event import Record
from tallystick.profile import encode
from tallystick_store.blobs import blob_digest
from tallystick_store.rows import EventRow, Merge, SpanBatch, SpanRow
from tallystick_store.store import Store
from tests.stores import Emitter, span, write

ADA, BOB = "a" * 32, "b" * 32
TRACE_OF_ADA, TRACE_OF_BOB = "ad" * 16, "b0" * 16
BLOB = b'"the large value of ada"'


class Records:
    """Two people in one session and their spans in one request, and a second session of ada alone."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.first = store.size
        """Log index of the first record."""
        self.shared, self.own = Emitter("shared"), Emitter("own")
        self.store.blobs.put(blob_digest(BLOB), BLOB)
        write(self.store, [self.shared.opened(), self.own.opened()])
        self.ada = [self.call(self.shared, "ada", ADA, TRACE_OF_ADA) for _ in range(3)]
        self.ada += [self.call(self.own, "ada", ADA, TRACE_OF_ADA)]
        self.bob = [self.call(self.shared, "bob", BOB, TRACE_OF_BOB) for _ in range(2)]
        late = self.ada[2]
        first = late._replace(disclosures=late.disclosures[:1])
        rows = [*self.ada[:2], first, self.ada[3], *self.bob]
        write(self.store, [EventRow(one) for one in rows])
        write(self.store, [Merge(self.first + 4, tuple(one.line for one in late.disclosures[1:]))])
        write(self.store, [SpanBatch(tuple(map(SpanRow.of, self.spans())))])
        write(self.store, [self.shared.seal(), self.own.seal()])
        self.store.publisher.publish_now()

    def call(self, emitter: Emitter, name: str, ref: str, trace_id: str) -> Record:
        blob = encode(
            {
                "digest": f"sha256:{blob_digest(BLOB)}",
                "media_type": "application/json",
                "size_bytes": len(BLOB),
            }
        ).decode()
        said = {"principal.id": f"{name}-id", "params": f'{{"secret":"{name}-params"}}'}
        return emitter.record(
            "tool.completed",
            {**said, "result.blob": blob} if name == "ada" else said,
            principal__ref=ref,
            trace__id=trace_id,
            tool__name="lookup",
        )

    def spans(self) -> tuple[bytes, ...]:
        found = []
        for number, (name, trace) in enumerate(
            [("ada", TRACE_OF_ADA), ("bob", TRACE_OF_BOB), ("ada", TRACE_OF_ADA)], 1
        ):
            record = span(number, trace)
            found.append(
                record.replace(b'"attributes":"{}"', b'"attributes":"%s-span"' % name.encode())
            )
        return tuple(
            one.replace(b'"service":"svc"', b'"service":"ada-svc"', 1) if b"ada" in one else one
            for one in found
        )
