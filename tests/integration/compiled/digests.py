"""Prints the form in which masking runs, and the digest of all that it makes of requests of spans in files."""

import hashlib
import sys
from pathlib import Path

from tallystick.masking.compiled import form
from tallystick.masking.tokens import TokenKey
from tallystick.profile import encode
from tallystick.recording.masked import Masking
from tallystick_ingest.foreign import mask_spans
from tallystick_ingest.otlp import protobuf

masking = Masking.of(TokenKey("k1", b"k" * 32))
digest = hashlib.sha256()
for name in sys.argv[1:]:
    spans, refusals = mask_spans(protobuf.traces(Path(name).read_bytes()), masking)
    for span in spans:
        digest.update(span.row.record + span.row.leaf_hash + encode(dict(span.row.columns)))
        if span.derived is not None:
            digest.update(encode([span.derived.statement, dict(span.derived.disclosures)]))
    digest.update(b"%d" % len(refusals))
print(form(), digest.hexdigest())
