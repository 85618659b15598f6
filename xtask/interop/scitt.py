"""scitt-cose: COSE receipts, ours and its own."""

import base64
import hashlib
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from scitt_cose import receipt as receipts

from common import Refused, read, run

ORIGIN = "scitt.example/log"


def verify(receipt, entry, pem, issuer):
    """A receipt of this entry, under this key, by this issuer."""
    found = receipts.verify_receipt(read(receipt), leaf_entry_hex=read(entry).hex(), log_public_key_pem=read(pem))
    if not found.ok:
        raise Refused("; ".join(found.errors))
    if found.issuer != issuer:
        raise Refused(f"issuer {found.issuer}")
    return f"entry {found.leaf_index} of {found.tree_size} in {found.issuer}"


def make(receipt, entry, vkey):
    """A receipt of entry 5 of 9 in a log of its own, with the key as verifiers of notes pin it."""
    signer = Ed25519PrivateKey.from_private_bytes(bytes(range(3, 35)))
    entries = [f"entry {number}".encode().hex() for number in range(9)]
    made = receipts.build_receipt(
        leaf_entry_hex=entries[5],
        leaf_index=5,
        tree_entries_hex=entries,
        alg="EdDSA",
        log_private_key_pem=signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        iss=ORIGIN,
        sub="entry 5",
        kid=b"scitt",
        iat=1767323045,
    )
    pathlib.Path(receipt).write_bytes(made)
    pathlib.Path(entry).write_bytes(bytes.fromhex(entries[5]))
    public = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pathlib.Path(vkey).write_text(noted(public) + "\n")
    return "entry 5 of 9"


def noted(public):
    """A key in the form of C2SP signed-note."""
    typed = b"\x01" + public
    key_hash = hashlib.sha256(ORIGIN.encode() + b"\n" + typed).hexdigest()[:8]
    return f"{ORIGIN}+{key_hash}+{base64.b64encode(typed).decode()}"


run(verify, make)
