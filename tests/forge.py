"""An evidence package taken apart: edit its files, then put it together again as a forger would."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from tallystick.profile import JsonValue, encode
from tallystick.verify.manifest import (
    MANIFEST_FILE,
    UNSIGNED_FILES,
    print_public_key,
    print_sums,
)
from tests.keys import KeyPair


@dataclass
class Forgery:
    """The files of a package by name."""

    files: dict[str, bytes]

    @classmethod
    def of(cls, package: bytes) -> "Forgery":
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            return cls({name: archive.read(name) for name in archive.namelist()})

    def lines(self, name: str) -> list[bytes]:
        return self.files[name].split(b"\n")[:-1]

    def put_lines(self, name: str, lines: list[bytes]) -> None:
        self.files[name] = b"".join(line + b"\n" for line in lines)

    def edit_line(
        self, name: str, position: int, edit: Callable[[dict[str, JsonValue]], None]
    ) -> None:
        """Change one line of JSON and print it in its one form."""
        lines = self.lines(name)
        value = json.loads(lines[position])
        edit(value)
        lines[position] = encode(value)
        self.put_lines(name, lines)

    def edit_manifest(self, edit: Callable[[dict[str, JsonValue]], None]) -> None:
        manifest = json.loads(self.files[MANIFEST_FILE])
        edit(manifest)
        self.files[MANIFEST_FILE] = encode(manifest)

    def sign(self, key: KeyPair) -> "Forgery":
        """Make digests and signature right again, with `key`."""
        signed = [name for name in self.files if name not in (MANIFEST_FILE, *UNSIGNED_FILES)]
        digests = {name: hashlib.sha256(self.files[name]).hexdigest() for name in signed}
        self.edit_manifest(lambda manifest: manifest.update(files=digests))
        digests[MANIFEST_FILE] = hashlib.sha256(self.files[MANIFEST_FILE]).hexdigest()
        sums = print_sums(digests).encode()
        self.files["SHA256SUMS"] = sums
        self.files["SHA256SUMS.sig"] = key.sign(sums)
        self.files["log-key.pem"] = print_public_key(key.public_key).encode()
        return self

    def package(self) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                archive.writestr(name, content)
        return out.getvalue()
