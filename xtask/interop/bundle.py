"""proofbundle: .tlog-proof files and second signatures of heads, ours and its own."""

import pathlib

from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from proofbundle import checkpoint, merkle, tlogproof

from common import Refused, read, run

ORIGIN = "proofbundle.example/log"


def verify(proof, entry, vkey):
    """A proof of this entry, under this key, of the log that is named like the key."""
    key = read(vkey).decode().strip()
    text = read(proof).decode("utf-8", "surrogateescape")
    found = tlogproof.verify_tlog_proof(text, read(entry), key, expected_origin=key.split("+")[0])
    if not found["ok"]:
        parts = {name: found[name] for name in ("log_ok", "inclusion_ok")}
        raise Refused(found.get("detail") or f"{parts}")
    return f"entry {found['index']} of {found['tree_size']} in {found['origin']}"


def make(proof, entry, vkey):
    """A proof of entry 3 of 8 in a log of its own."""
    signer = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
    entries = [f"entry {number}".encode() for number in range(8)]
    note = checkpoint.sign_checkpoint(ORIGIN, 8, merkle.merkle_tree_hash(entries), signer, ORIGIN)
    pathlib.Path(proof).write_text(tlogproof.format_tlog_proof(3, merkle.inclusion_proof(entries, 3), note))
    pathlib.Path(entry).write_bytes(entries[3])
    public = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pathlib.Path(vkey).write_text(checkpoint.vkey(ORIGIN, public) + "\n")
    return "entry 3 of 8"


def cosigned(head, vkey):
    """The line that this ML-DSA key put under a head."""
    found = checkpoint.verify_cosignature(read(head).decode("utf-8", "surrogateescape"), read(vkey).decode().strip())
    if not found["ok"]:
        raise Refused(f"no line of {found['alg']} holds")
    return f"{found['alg']}, {found['tree_size']} entries of {found['origin']}"


def cosign(vkey, *heads):
    """A line by an ML-DSA key of its own, in the name of the log, under each of these heads."""
    signer = mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(range(3, 35)))
    for head in map(pathlib.Path, heads):
        note = head.read_text()
        origin = note.split("\n", 1)[0]
        head.write_text(checkpoint.cosign_checkpoint_mldsa(note, signer, origin, 0))
        pathlib.Path(vkey).write_text(checkpoint.cosign_vkey_mldsa(origin, signer.public_key().public_bytes_raw()) + "\n")
    return f"{len(heads)} heads"


run(verify, make, cosigned, cosign)
