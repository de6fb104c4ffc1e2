"""Examples that others have published: CT's reference tree, Go's signed note, RFC 8032's vectors."""

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.ed25519 import Ed25519Verify, load_verify, verify_pure
from tallystick.tlog.note import open_note, parse_note, parse_vkey
from tallystick.tlog.proofs import consistency_proof, inclusion_proof
from tallystick.tlog.tree import Frontier, leaf_hash, root_of, roots_at
from tests.requirements import requirement

CT_INPUTS = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)
"""The eight leaves of the reference tree of Certificate Transparency, in hex."""

CT_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

CT_INCLUSION_OF_5_IN_8 = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
)
CT_CONSISTENCY_OF_6_TO_8 = (
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
)

GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
    "Zb6KE6RyyBwJnAM=\n"
)
"""The example of golang.org/x/mod/sumdb/note."""

C2SP_NOTE = (
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed è subito sera.\n"
    "\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouF"
    "SQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
"""The example of c2sp.org/signed-note, which prints no key: its form alone is read."""

RFC_8032_VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
            "f9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
            "f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
            "4dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
)
"""Section 7.1, tests 1 to 3: public key, message, signature."""


@requirement("tlog.tree")
def test_the_reference_tree_of_certificate_transparency_has_its_roots() -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in CT_INPUTS]
    roots = [root.hex() for _, root in sorted(roots_at(leaves, range(9)).items())]
    assert tuple(roots) == CT_ROOTS
    assert tuple(root_of(leaves[:size]).hex() for size in range(9)) == CT_ROOTS
    frontier = Frontier()
    frontier.extend(leaves)
    assert frontier.root().hex() == CT_ROOTS[8]


@requirement("tlog.tree")
def test_the_reference_tree_has_its_proofs() -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in CT_INPUTS]
    assert tuple(step.hex() for step in inclusion_proof(leaves, 5)) == CT_INCLUSION_OF_5_IN_8
    assert tuple(step.hex() for step in consistency_proof(leaves, 6)) == CT_CONSISTENCY_OF_6_TO_8


@requirement("tlog.checkpoint-strict")
@pytest.mark.parametrize("verify", [verify_pure, load_verify()], ids=["pure", "openssl"])
def test_the_note_of_gos_documentation_opens(verify: Ed25519Verify) -> None:
    key = parse_vkey(GO_VKEY)
    opened = open_note(GO_NOTE, [key], verify)
    assert opened.keys == (key,)
    assert opened.text.startswith("If you think cryptography is the answer")
    with pytest.raises(VerificationError, match="does not hold"):
        open_note(GO_NOTE.replace("answer", "answers"), [key], verify)


@requirement("tlog.checkpoint-strict")
def test_the_note_of_the_specification_is_read() -> None:
    note = parse_note(C2SP_NOTE)
    assert note.text.endswith("di sole:\n\ned è subito sera.\n")
    [line] = note.signatures
    assert (line.name, line.key_id.hex()) == ("quasimodo.example/salvatore", "367ba04b")
    assert len(line.signature) == 64


@requirement("tlog.signatures")
@pytest.mark.parametrize("verify", [verify_pure, load_verify()], ids=["pure", "openssl"])
@pytest.mark.parametrize(("public_key", "message", "signature"), RFC_8032_VECTORS)
def test_the_signatures_of_rfc_8032_hold(
    verify: Ed25519Verify, public_key: str, message: str, signature: str
) -> None:
    key, signed = bytes.fromhex(public_key), bytes.fromhex(signature)
    assert verify(key, signed, bytes.fromhex(message))
    assert not verify(key, signed, bytes.fromhex(message) + b"\x00")
