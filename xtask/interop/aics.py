"""aics-tlog: whole directories of tiles, ours and its own. Its command line does the rest."""

import pathlib

import aics_tlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import Refused, read, refusing, run

ORIGIN = "aics.example/log"


def audit(directory, vkey):
    """Every tile and every entry, under the root that the checkpoint signs."""
    key = aics_tlog.read_vkey_file(read(vkey).decode())
    with refusing(ValueError):
        note = aics_tlog.parse_note(read(f"{directory}/checkpoint").decode())
    result = aics_tlog.verify_checkpoint(note, key, [], 0)
    if not result.ok:
        raise Refused(result.error)
    reader = aics_tlog.FileSystemTileReader(directory)
    with refusing(aics_tlog.TileVerificationError, aics_tlog.TileMissingError, ValueError):
        report = aics_tlog.audit_tiles(reader, result.size, result.root, entries=True)
    return f"{result.size} entries of {result.origin}: {report.tiles} tiles, {report.bundles} entry bundles"


def make(directory):
    """A log of its own: 300 entries, then 300 more, with its key and the checkpoint between."""
    folder = pathlib.Path(directory)
    signer = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key = aics_tlog.vkey_from_ed25519(ORIGIN, signer.public_key())
    store = aics_tlog.DirectoryTileStore(folder, fsync=False)
    writer = aics_tlog.IncrementalTileWriter(store)
    for start in (0, 300):
        writer.append([f"entry {number}".encode() for number in range(start, start + 300)])
        head = aics_tlog.Checkpoint(origin=ORIGIN, size=writer.size, root=writer.root())
        note = aics_tlog.sign_checkpoint(head, signer, ORIGIN)
        store.write_checkpoint(note.to_bytes())
        if start == 0:
            folder.with_suffix(".head").write_bytes(note.to_bytes())
    folder.with_suffix(".vkey").write_text(aics_tlog.format_vkey(key) + "\n")
    return f"{writer.size} entries"


run(audit, make)
