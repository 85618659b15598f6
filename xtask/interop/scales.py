"""tlog-scales: directories of tiles and proofs from them, ours and its own."""

import argparse
import contextlib
import pathlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tlog_scales import backend, cli, reader, signing, tiles, tlog, writer

from common import read, refusing, run

ORIGIN = "scales.example/log"
REFUSALS = (
    InvalidSignature,
    RuntimeError,
    ValueError,
    IndexError,
    tlog.InclusionProofInvalid,
    tlog.ConsistencyProofInvalid,
)


def opened(directory, vkey):
    """The log, once its checkpoint is signed by the key and its tiles give the signed root."""
    log = reader.TilesReader(backend.LocalBackend(pathlib.Path(directory)))
    checkpoint = log.get_checkpoint()
    checkpoint.verify(signing.Vkey.from_string(read(vkey).decode().strip()))
    if log.calculate_root_hash() != checkpoint.root_hash:
        raise ValueError("the tiles do not give the signed root")
    return log, checkpoint


def root(directory, vkey):
    """The checkpoint, and the root."""
    with refusing(*REFUSALS):
        _, checkpoint = opened(directory, vkey)
    return f"{checkpoint.size} entries of {checkpoint.origin}"


def verify(directory, vkey):
    """Every entry, by an inclusion proof from the tiles."""
    with refusing(*REFUSALS):
        log, checkpoint = opened(directory, vkey)
        for index in range(checkpoint.size):
            proof = log.get_inclusion_proof(index, checkpoint.size)
            proof.check(tiles.leaf_hash(log.get_entry(index)), checkpoint.root_hash)
    return f"{checkpoint.size} entries of {checkpoint.origin}, each by its inclusion proof"


def grown(directory, vkey, head):
    """That the log began as the older checkpoint says."""
    with refusing(*REFUSALS):
        log, checkpoint = opened(directory, vkey)
        old = tlog.Checkpoint.from_text(read(head).decode())
        old.verify(signing.Vkey.from_string(read(vkey).decode().strip()))
        proof = log.get_consistency_proof(old.size, checkpoint.size)
        proof.check(old.root_hash, checkpoint.root_hash)
    return f"{checkpoint.size} entries begin with the {old.size}"


def prove(directory, index, proof, entry):
    """A .tlog-proof of one entry as this client's own command prints it, and the entry."""
    at = argparse.Namespace(location=directory, leaf_index=int(index))
    with open(proof, "w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        cli.cmd_gen_proof(at)
    log = reader.TilesReader(backend.make_backend(directory))
    size = log.get_checkpoint().size
    pathlib.Path(entry).write_bytes(log.get_entry(int(index)))
    return f"entry {index} of {size}"


def make(directory):
    """A log of its own: 300 entries, then 300 more, with its key and the checkpoint between."""
    folder = pathlib.Path(directory)
    signer = signing.PlainEd25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
    log = writer.TilesWriter.create(folder, ORIGIN)
    for start in (0, 300):
        for number in range(start, start + 300):
            log.add_leaf(f"entry {number}".encode())
        log.commit([signer])
        if start == 0:
            folder.with_suffix(".head").write_bytes(read(folder / "checkpoint"))
    folder.with_suffix(".vkey").write_text(signer.vkey.serialize() + "\n")
    return f"{log.size} entries"


run(root, verify, grown, prove, make)
