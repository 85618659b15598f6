"""opentimestamps: proofs, a calendar that makes and keeps promises, and a chain for tests whose blocks commit to them."""

import hashlib
import http.server
import json
import pathlib
import struct
import subprocess
import threading
import time

from bitcoin.core import CBlockHeader
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation, VerificationError
from opentimestamps.core.op import OpAppend, OpPrepend, OpReverse, OpSHA256
from opentimestamps.core.serialize import BytesDeserializationContext, BytesSerializationContext, DeserializationError
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp, cat_sha256d

from common import Refused, read, refusing, run

HEADER = 80
EASIEST = 0x207FFFFF


def written(thing):
    context = BytesSerializationContext()
    thing.serialize(context)
    return context.getbytes()


def loaded(proof, file):
    """The proof as this client reads it; what it writes again must be the same bytes, and be about this file."""
    with refusing(DeserializationError, ValueError):
        found = DetachedTimestampFile.deserialize(BytesDeserializationContext(read(proof)))
    if written(found) != read(proof):
        raise Refused("it is written again in other bytes")
    if found.file_digest != hashlib.sha256(read(file)).digest():
        raise Refused("the proof is about another file")
    return found


def promise(proof, file, calendar, sent):
    """A promise of this calendar, of the message that it was sent."""
    found = list(loaded(proof, file).timestamp.all_attestations())
    if [attestation for _, attestation in found] != [PendingAttestation(calendar)]:
        raise Refused("other attestations")
    if found[0][0].hex() != sent:
        raise Refused("the calendar was sent another message")
    return "one promise, of the message that the calendar was sent"


def block(proof, file, headers):
    """Blocks whose Merkle root is what the proof comes to."""
    heights = []
    for message, attestation in loaded(proof, file).timestamp.all_attestations():
        if not isinstance(attestation, BitcoinBlockHeaderAttestation):
            raise Refused("a promise is open")
        header = read(headers)[HEADER * attestation.height :][:HEADER]
        with refusing(VerificationError):
            attestation.verify_against_blockheader(message, CBlockHeader.deserialize(header))
        heights.append(attestation.height)
    return f"the Merkle root of block {', '.join(map(str, heights))}"


def hashed(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


class Chain:
    """Headers with work, ten minutes apart; after as many as announced the time is now."""

    def __init__(self, announced):
        self.headers = []
        self.time = int(time.time()) - 600 * announced
        self.push(bytes(32))

    def push(self, root):
        self.time += 600
        before = hashed(self.headers[-1]) if self.headers else bytes(32)
        head = struct.pack("<I", 2) + before + root
        tries = (head + struct.pack("<III", self.time, EASIEST, nonce) for nonce in range(1 << 32))
        self.headers.append(next(header for header in tries if hashed(header)[31] <= 0x7F))
        return len(self.headers) - 1

    def store(self, name):
        pathlib.Path(f"{name}.headers").write_bytes(b"".join(self.headers))
        pinned = hashed(self.headers[-1])[::-1].hex()
        pathlib.Path(f"{name}.toml").write_text(
            'format = "vm-trust-v0"\n\n[[bitcoin]]\nname = "regtest"\nnetwork = "regtest"\n'
            f'height = {len(self.headers) - 1}\nhash = "{pinned}"\nheaders = "{name}.headers"\n'
        )


class Calendar(http.server.BaseHTTPRequestHandler):
    """Promises, and keeps its promise once `height` is set."""

    sent = None
    height = None

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        Calendar.sent = self.rfile.read(int(self.headers["Content-Length"]))
        given = Timestamp(Calendar.sent)
        given.attestations.add(PendingAttestation(self.server.url))
        self.answer(200, written(given))

    def do_GET(self):
        if Calendar.height is None or self.path != f"/timestamp/{Calendar.sent.hex()}":
            return self.answer(404, b"")
        given, root = committed(Calendar.sent)
        root.attestations.add(BitcoinBlockHeaderAttestation(Calendar.height))
        return self.answer(200, written(given))

    def log_message(self, *_):
        pass


def committed(message):
    """A message in a tree beside another: its timestamp, and the root, hashed as Bitcoin hashes."""
    given = Timestamp(message)
    return given, cat_sha256d(given, Timestamp(hashlib.sha256(b"neighbour").digest()))


def told(program, *words):
    """What vaultmesh says, which must succeed."""
    output = subprocess.run([program, "--format", "json", *words], capture_output=True, check=False)
    if output.returncode != 0:
        raise RuntimeError(f"{words}: {output.stdout} {output.stderr}")
    return json.loads(output.stdout)["result"]


def stamp(program, seal):
    """Has vaultmesh ask a calendar for a promise, and complete it once a block commits to it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Calendar)
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (added,) = told(program, "anchor", "add", seal, "--ots", server.url)["anchors"]
    pathlib.Path("pending.ots").write_bytes(read(f"vault/{added['path']}"))
    pathlib.Path("calendar.url").write_text(server.url)
    pathlib.Path("calendar.sent").write_text(Calendar.sent.hex())
    chain = Chain(10)
    chain.push(bytes(32))
    Calendar.height = chain.push(committed(Calendar.sent)[1].msg)
    for _ in range(7):
        chain.push(bytes(32))
    chain.store("calendar")
    (proof,) = told(program, "anchor", "upgrade", seal, "--ots", server.url, "--trust", "calendar.toml")["proofs"]
    pathlib.Path("seal.ots").write_bytes(read(f"vault/{proof['completed']}"))
    return f"{added['path']}, then {proof['completed']}"


def make(proof, file, name):
    """A proof of its own about this file, with a promise beside a block, and the chain that holds the block."""
    with open(file, "rb") as stream:
        detached = DetachedTimestampFile.from_fd(OpSHA256(), stream)
    salted = detached.timestamp.ops.add(OpAppend(bytes(range(16)))).ops.add(OpSHA256())
    salted.attestations.add(PendingAttestation("https://calendar.example"))
    turned = salted.ops.add(OpPrepend(b"\x01")).ops.add(OpReverse()).ops.add(OpSHA256())
    root = cat_sha256d(turned, Timestamp(hashlib.sha256(b"neighbour").digest()))
    chain = Chain(6)
    for _ in range(3):
        chain.push(bytes(32))
    root.attestations.add(BitcoinBlockHeaderAttestation(chain.push(root.msg)))
    chain.push(bytes(32))
    chain.store(name)
    pathlib.Path(proof).write_bytes(written(detached))
    return "block 4"


run(promise, block, stamp, make)
