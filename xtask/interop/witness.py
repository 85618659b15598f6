"""aics-witness: a witness that cosigns our log and refuses its fork, and what our witness cosigned."""

import pathlib
import tempfile

import aics_tlog
from aics_witness import config, service, store
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import Refused, read, refusing, run

NAME = "witness.example/aics"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))


def asked(vkey, *requests):
    """Asks a new witness, which keeps its state in a file; gives its answers."""
    key = aics_tlog.read_vkey_file(read(vkey).decode())
    with tempfile.TemporaryDirectory() as folder:
        with store.WitnessStore(pathlib.Path(folder) / "witness.db", create=True) as kept:
            witness = service.Witness(NAME, KEY, kept, [config.LogConfig(key.name, (key,))])
            return [witness.add_checkpoint(read(request)) for request in requests]


def grown(vkey, first, second):
    """It cosigns a first checkpoint, and a second one that grew out of it."""
    try:
        lines = asked(vkey, first, second)
    except service.WitnessError as refusal:
        raise Refused(f"{refusal.status} {refusal.message}") from refusal
    note = aics_tlog.parse_note(read(second).partition(b"\n\n")[2].decode())
    return f"{len(lines)} cosignatures, the last over {aics_tlog.parse_checkpoint(note.text).size} entries"


def fork(vkey, first, other):
    """Behind the first checkpoint it refuses the other, by the log's own signature, as inconsistent."""
    asked(vkey, first)
    try:
        asked(vkey, first, other)
    except service.WitnessError as refusal:
        if refusal.status in (409, 422):
            return f"{refusal.status} to the fork: {refusal.message}"
        raise Refused(f"{refusal.status} {refusal.message}") from refusal
    raise RuntimeError("a fork was cosigned")


def cosign(vkey, first, second, lines, witness):
    """Keeps the line for the second checkpoint, and the key of the witness."""
    pathlib.Path(lines).write_bytes(asked(vkey, first, second)[-1])
    pathlib.Path(witness).write_text(aics_tlog.format_vkey(aics_tlog.cosignature_vkey(NAME, KEY.public_key())) + "\n")
    return "cosigned"


def cosigned(head, vkey, witness):
    """The head is signed by its log, and cosigned by the witness of this key."""
    key = aics_tlog.read_vkey_file(read(vkey).decode())
    with refusing(ValueError):
        note = aics_tlog.parse_note(read(head).decode())
    result = aics_tlog.verify_checkpoint(note, key, [aics_tlog.parse_vkey(read(witness).decode().strip())], 1)
    if not result.ok:
        raise Refused(result.error)
    return f"{result.size} entries of {result.origin}, cosigned"


run(grown, fork, cosign, cosigned)
