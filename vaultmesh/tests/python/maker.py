"""Makes logs, indexes, completeness proofs, seals and exports from docs/spec, for the tests of docs/verify.py.

It shares no code with what it tests: trees are built by their definition, and intervals are compared as bytes.
"""
import base64
import datetime
import hashlib
import json
import os
import struct
import subprocess
import tempfile
import zlib

TABLES = ["tool_invocations", "mcp_calls", "proof_artifacts", "shadow_receipts"]
REFERS = {"tool_invocations": "intent_id", "mcp_calls": "answers_id", "proof_artifacts": "subject_id",
          "shadow_receipts": "horizon_id"}
EPOCH = datetime.datetime(2026, 1, 2, 3, 4, 5)
OWN_COLUMNS = {
    "tool_invocations": {"tool": "grep", "phase": "complete", "status": "ok", "input_json": None, "output_json": None,
                         "intent_id": None, "duration_us": None},
    "mcp_calls": {"connection": "0c" * 16, "ordinal": None, "direction": "c2s", "kind": "request", "rpc_id": None,
                  "method": "tools/list", "answers_id": None, "frame_len": None, "frame_sha256": None,
                  "frame_commitment": None, "body_json": None},
    "proof_artifacts": {"kind": "note", "path": None, "size": 0, "sha256_hex": "00" * 32, "blake3_hex": None,
                        "subject_id": None},
    "shadow_receipts": {"horizon_id": "deploy", "counterfactual_hash": "00" * 32, "entropy_delta": 0.25, "reason": "no",
                        "observer_key": "00" * 32, "observer_signature": "00" * 64},
}
COLUMNS = {"capability_hash": "11" * 32, "policy_hash": None, "corrects_id": None, "corrects_leaf": None,
           "meta_json": None}


def canon(value):
    """Canonical JSON of what these tests make: names in ASCII, no number that is written in more than one way."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf(data):
    return sha256(b"\0" + data)


def root(leaves):
    """RFC 6962, section 2.1."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return sha256(b"\1" + root(leaves[:middle]) + root(leaves[middle:]))


def split(count):
    middle = 1
    while middle * 2 < count:
        middle *= 2
    return middle


def inclusion(leaves, index):
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return inclusion(leaves[:middle], index) + [root(leaves[middle:])]
    return inclusion(leaves[middle:], index - middle) + [root(leaves[:middle])]


def sides(leaves, begin, end):
    """The two lists of a range proof: the largest subtrees before and after the run."""
    if not leaves:
        return [], []
    if end <= 0:
        return [], [root(leaves)]
    if begin >= len(leaves):
        return [root(leaves)], []
    if begin <= 0 and end >= len(leaves):
        return [], []
    middle = split(len(leaves))
    one, other = sides(leaves[:middle], begin, end), sides(leaves[middle:], begin - middle, end - middle)
    return one[0] + other[0], one[1] + other[1]


def hexes(hashes):
    return [one.hex() for one in hashes]


def uuid(number):
    return "019b7ca98c967000" + "%016x" % number


def dashed(text):
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def moment(seconds):
    return (EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Key:
    """An Ed25519 key that openssl makes and signs with."""

    def __init__(self, seed=None):
        prefix = bytes.fromhex("302e020100300506032b657004220420")
        self.seed = seed or run("genpkey -algorithm ed25519 -outform DER")[-32:]
        self.der = prefix + self.seed
        self.public = run("pkey -inform DER -in key -pubout -outform DER", key=self.der)[-32:]

    def sign(self, text):
        return run("pkeyutl -sign -keyform DER -inkey key -rawin -in text", key=self.der, text=text.encode())

    def hash(self, name):
        return sha256(name.encode() + b"\n\1" + self.public)[:4]

    def vkey(self, name):
        return "%s+%s+%s" % (name, self.hash(name).hex(), base64.b64encode(b"\1" + self.public).decode())

    def note(self, name, text):
        signature = base64.b64encode(self.hash(name) + self.sign(text)).decode()
        return "%s\n— %s %s\n" % (text, name, signature)


def run(command, **files):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        return subprocess.run(["openssl"] + command.split(), cwd=folder, capture_output=True, check=True).stdout


class Log:
    """A ledger's log: leaf data by place, and what was indexed."""

    def __init__(self, key, trace=uuid(0xAA)):
        self.key, self.rows, self.count = key, [], 0
        meta = {"format": "vm-genesis-v0", "log_key": key.public.hex(), "nonce": "22" * 32, "root_key": "33" * 32}
        self.add("proof_artifacts", -1, trace, kind="vm-genesis", meta_json=canon(meta).decode(), capability_hash=None)
        self.ledger = leaf(self.rows[0]).hex()
        self.name = "vaultmesh/" + self.ledger
        self.vkey = key.vkey(self.name)

    def add(self, table, seconds, trace, **columns):
        """Appends a row; its id rises with the place, unless it is given."""
        self.count += 1
        row = {"id": uuid(self.count), "ts": moment(seconds), "trace_id": trace, **COLUMNS, **OWN_COLUMNS[table], **columns}
        self.rows.append(canon({"format": "vm-row-v0", "row": row, "schema": 3, "table": table}))
        return row["id"]

    def add_index(self, cuts=(), seconds=50, **changes):
        """Appends an index over all rows so far, in runs that end at the cuts."""
        ends = [*cuts, len(self.rows)]
        runs = [run_of(self.rows, begin, end) for begin, end in zip([0, *cuts], ends)]
        meta = {"format": "vm-index-v0", "runs": runs, "size": len(self.rows), **changes}
        return self.add("proof_artifacts", seconds, uuid(0xBB), kind="vm-index", meta_json=canon(meta).decode())

    def checkpoint(self, size=None):
        size = len(self.rows) if size is None else size
        top = base64.b64encode(root([leaf(data) for data in self.rows[:size]])).decode()
        return self.key.note(self.name, "%s\n%d\n%s\n" % (self.name, size, top))


def card(rows, place):
    value = json.loads(rows[place])
    row = value["row"]
    since = datetime.datetime.strptime(row["ts"], "%Y-%m-%dT%H:%M:%S.%fZ") - datetime.datetime(1970, 1, 1)
    stamp = (since.days * 86400 + since.seconds) * 1000000 + since.microseconds + 2 ** 63
    return (bytes([TABLES.index(value["table"]) + 1]) + stamp.to_bytes(8, "big") + bytes.fromhex(row["id"])
            + bytes.fromhex(row["trace_id"]) + place.to_bytes(8, "big") + leaf(rows[place]))


def term(column, value):
    return sha256(b"vm-term-v0\n" + column.encode() + b"\n" + value.encode())


def tree(rows, begin, end, order):
    """Keys and leaf data of the rows from begin up to end, in one order."""
    found = []
    for place in range(begin, end):
        value = json.loads(rows[place])
        one, row = card(rows, place), value["row"]
        if order == "time":
            found.append((one[:25], one))
        elif order == "trace":
            found.append((bytes.fromhex(row["trace_id"]) + place.to_bytes(8, "big"), one))
        else:
            for column in (REFERS[value["table"]], "corrects_id"):
                if row[column] is not None:
                    digest = term(column, row[column])
                    found.append((digest + place.to_bytes(8, "big"), digest + one))
    return sorted(found)


def run_of(rows, begin, end):
    tops = {order: root([leaf(data) for _, data in tree(rows, begin, end, order)]).hex() for order in ("time", "trace")}
    terms = tree(rows, begin, end, "term")
    top = root([leaf(data) for _, data in terms]).hex()
    return {"from": begin, "term": {"root": top, "size": len(terms)}, "time": tops["time"], "to": end, "trace": tops["trace"]}


def window(since=None, until=None, kinds=TABLES):
    return {"kinds": list(kinds), "scope": "time_window", "since": since, "trace_ids": [], "until": until}


def traces(*ids, kinds=TABLES):
    return {"kinds": list(kinds), "scope": "trace_set", "since": None, "trace_ids": sorted(map(dashed, ids)), "until": None}


def asked(query):
    """The order of a query, and its intervals as prefixes of keys: from the first up to and without the second."""
    if "term" in query:
        prefix = term(query["term"]["column"], query["term"]["value"])
        return "term", [(prefix, successor(prefix))]
    selection = query["selection"]
    if selection["scope"] == "trace_set":
        prefixes = [bytes.fromhex(trace.replace("-", "")) for trace in selection["trace_ids"]]
        return "trace", [(prefix, successor(prefix)) for prefix in prefixes]
    spans = []
    for kind in selection["kinds"]:
        table = bytes([TABLES.index(kind) + 1])
        low = table + (stamp(selection["since"]) if selection["since"] else bytes(8))
        spans.append((low, table + stamp(selection["until"]) if selection["until"] else successor(table)))
    return "time", spans


def stamp(text):
    since = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ") - datetime.datetime(1970, 1, 1)
    return (since // datetime.timedelta(microseconds=1) + 2 ** 63).to_bytes(8, "big")


def successor(prefix):
    """The next number of as many bits; after the last one, what stands behind every key."""
    number = int.from_bytes(prefix, "big") + 1
    return b"\xff" * 80 if number >> 8 * len(prefix) else number.to_bytes(len(prefix), "big")


def index_place(log, size):
    return max(place for place in range(size) if json.loads(log.rows[place])["row"].get("kind") == "vm-index")


def prove(log, query, size=None, entries=True, checkpoint=None):
    """The completeness proof of a query, by the last index."""
    size = len(log.rows) if size is None else size
    place = index_place(log, size)
    index = json.loads(json.loads(log.rows[place])["row"]["meta_json"])
    order, spans = asked(query)
    ranges, found = [], []
    for run in index["runs"]:
        whole = tree(log.rows, run["from"], run["to"], order)
        for low, high in spans:
            ranges.append(range_of(whole, low, high))
            found += [data.hex() for key, data in whole if low <= key < high]
    left, _ = sides([leaf(data) for data in log.rows[:size]], place, size)
    return {"checkpoint": checkpoint or log.checkpoint(size), "entries": found if entries else None,
            "format": "vm-completeness-v0", "query": query, "ranges": ranges,
            "tail": {"left": hexes(left), "rows": [data.decode() for data in log.rows[place:size]]}}


def range_of(whole, low, high):
    begin = sum(key < low for key, _ in whole)
    count = sum(low <= key < high for key, _ in whole)
    return range_at(whole, begin, count)


def range_at(whole, begin, count):
    """A range proof of these places, whether or not they are those of an interval."""
    first, last = max(begin - 1, 0), min(begin + count + 1, len(whole))
    left, right = sides([leaf(data) for _, data in whole], first, last)
    return {"after": whole[begin + count][1].hex() if begin + count < len(whole) else None,
            "before": whole[begin - 1][1].hex() if begin else None, "begin": begin, "count": count,
            "left": hexes(left), "right": hexes(right)}


def selected(log, selection, size):
    """Places of the rows that a selection selects, by table and id."""
    places = []
    for place in range(size):
        value = json.loads(log.rows[place])
        row = value["row"]
        if selection["scope"] == "trace_set":
            fits = dashed(row["trace_id"]) in selection["trace_ids"]
        else:
            fits = (selection["since"] or "") <= row["ts"] and (not selection["until"] or row["ts"] < selection["until"])
        if fits and value["table"] in selection["kinds"]:
            places.append((TABLES.index(value["table"]), row["id"], place))
    return [place for _, _, place in sorted(places)]


def seal(log, selection, size=None, places=None, **changes):
    """The bundle of a seal over the selected rows, or over those at the places."""
    size = len(log.rows) if size is None else size
    places = selected(log, selection, size) if places is None else places
    times = [json.loads(log.rows[place])["row"]["ts"] for place in places]
    bundle = {
        "as_of": size, "bounds": {"max_ts": max(times, default=None), "min_ts": min(times, default=None)},
        "canonicalization": "rfc8785", "checkpoint": log.checkpoint(size), "digest": {"algorithm": "sha256", "hex": ""},
        "digest_algo": "sha256", "format": "vm-ouroboros-seal-v0",
        "inputs": {"receipt_roots": ["receipts/**/ROOT.*.txt"], "sqlite_db_path": "ledger.db"}, "leaves": len(places),
        "schema_last_migration": "0003_shadow_receipts.sql", "schema_version": 3, "scrolls": [],
        "seal_id": "019b7ca9-8ca7-7000-9c3a-48a065a16c88", "sealed_at": moment(90), "selection": selection,
        "set_root": root([leaf(log.rows[place]) for place in places]).hex(), "signer": log.vkey, "statement": "", **changes}
    return sign_seal(bundle, log.key)


def sign_seal(bundle, key, digest=True):
    """Digest and statement anew."""
    if digest:
        words = {name: bundle[name] for name in ("bounds", "leaves", "scrolls", "selection", "set_root")}
        bundle["digest"]["hex"] = sha256(canon({"format": "vm-seal-digest-v0", **words})).hex()
    rest = sha256(canon({name: bundle[name] for name in bundle if name != "statement"})).hex()
    name = bundle["signer"].split("+")[0]
    lines = "vm-seal-statement-v0\n%s\n%s\n%s\n" % (name, bundle["seal_id"], rest)
    bundle["statement"] = key.note(name, lines)
    return bundle


def seal_rows(bundle, rows, key):
    """The bundle over other rows, in order of table and id, signed anew."""
    leaves = [leaf(row) for row in rows]
    times = sorted(json.loads(row)["row"]["ts"] for row in rows)
    bundle.update(leaves=len(rows), set_root=root(leaves).hex(),
                  bounds={"min_ts": times[0] if times else None, "max_ts": times[-1] if times else None})
    return sign_seal(bundle, key)


def coverage(bundle, rows, blind, proven, log_size):
    """What an export of these rows covers, and what not."""
    def named(texts):
        return {"count": len(texts), "first": sorted(texts)[:256]}

    def of(table, column, **wanted):
        cells = [row["row"] for row in rows if row["table"] == table]
        return {dashed(row[column]) for row in cells if row[column] and all(row[name] == wanted[name] for name in wanted)}

    seen = [row["row"] for row in rows if row["table"] == "shadow_receipts"]
    gaps = {"no_answer": named(of("mcp_calls", "answers_id", kind="no_answer")),
            "unanswered": named(of("mcp_calls", "id", kind="request") - of("mcp_calls", "answers_id")),
            "open_intents": named(of("tool_invocations", "id", phase="intent") - of("tool_invocations", "intent_id")),
            "open_horizons": named(of("proof_artifacts", "id", kind="vm-horizon-opened") -
                                   of("proof_artifacts", "subject_id", kind="vm-horizon-closed"))}
    observers = [{"key": key, "receipts": sum(row["observer_key"] == key for row in seen)}
                 for key in sorted({row["observer_key"] for row in seen})]
    not_covered = ["claimed-times", "other-rows", "unrecorded"] + ["contents"] * blind + ["completeness"] * (not proven)
    not_covered += ["scroll-lines"] * bool(bundle["scrolls"])
    return {"format": "vm-coverage-v2", "asked": bundle["selection"], "as_of": bundle["as_of"],
            "rows": {table: sum(row["table"] == table for row in rows) for table in TABLES},
            "scrolls": [{"engine": scroll["engine"], "lines": scroll["size"]} for scroll in bundle["scrolls"]],
            "observers": None if blind else observers, "gaps": None if blind else gaps,
            "not_covered": sorted(not_covered), "claims": {"log_size": log_size, "unsigned_lines": []}}


def export(log, bundle, proof=None, places=None, blind=False, anchors=()):
    """The entries of a seal's export, sums included."""
    size = bundle["as_of"]
    places = selected(log, bundle["selection"], size) if places is None else places
    leaves = [leaf(data) for data in log.rows[:size]]
    manifest = {"format": "vm-export-v0", "key": log.vkey, "ledger": log.ledger, "scope": "seal",
                "seal_id": bundle["seal_id"], "size": size}
    entries = {"manifest.json": canon(manifest), "VERIFY.txt": b"How to check this file\n",
               "seals/%s.json" % bundle["seal_id"]: canon(bundle)}
    if not blind:
        paths = [{"index": place, "path": hexes(inclusion(leaves, place))} for place in places]
        entries["rows.jsonl"] = b"".join(log.rows[place] + b"\n" for place in places)
        entries["proofs.jsonl"] = b"".join(canon(path) + b"\n" for path in paths)
    if proof is not None:
        entries["seals/%s.complete.json" % bundle["seal_id"]] = canon(proof)
    kept = [json.loads(log.rows[place]) for place in places]
    kept = [row for row in kept if row["table"] in bundle["selection"]["kinds"]]
    entries["coverage.json"] = canon(coverage(bundle, kept, blind, proof is not None, size))
    for number, token in enumerate(anchors):
        entries["anchors/%s/%d.tst" % (bundle["seal_id"], number)] = token
    return summed(entries)


# What an export of a seal begins with.
ORDER = "manifest.json VERIFY.txt verify.py trust.toml rows.jsonl proofs.jsonl coverage.json".split()


def summed(entries):
    names = sorted((name for name in entries if name != "SHA256SUMS"), key=str.encode)
    lines = ["%s  %s\n" % (sha256(entries[name]).hex(), name) for name in names]
    return {**entries, "SHA256SUMS": "".join(lines).encode()}


def pack(entries, names=None):
    """The archive of entries, in the order of their names in an export unless another is given."""
    if names is None:
        first = [name for name in ORDER if name in entries]
        names = first + sorted(set(entries) - {*first, "SHA256SUMS"}) + [name for name in entries if name == "SHA256SUMS"]
    files, directory = b"", b""
    for name in names:
        data = entries[name]
        extra = name.encode() + struct.pack("<HHQQ", 1, 16, len(data), len(data))
        sizes = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 33, zlib.crc32(data), 2 ** 32 - 1, 2 ** 32 - 1, len(name), 20)
        directory += b"PK\1\2" + struct.pack("<BB", 45, 3) + sizes
        directory += struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, len(files)) + extra
        files += b"PK\3\4" + sizes + extra + data
    end = struct.pack("<HHHHIIH", 0, 0, len(names), len(names), len(directory), len(files), 0)
    return files + directory + b"PK\5\6" + end


class Authority:
    """A time-stamp authority of openssl, with a root of its own."""

    CONFIG = """[tsa]
default_tsa = here
[here]
serial = serial
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
accuracy = secs:1
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
"""

    def __init__(self, folder, sound=True):
        """One that is not sound has a root that may issue nothing."""
        self.folder = folder
        self.write("config", (self.CONFIG if sound else self.CONFIG.replace("CA:TRUE", "CA:FALSE")).encode())
        self.write("serial", b"01\n")
        for name in ("root", "signer"):
            self.run("ecparam -name prime256v1 -genkey -noout -out %s.key" % name)
            self.run("req -new -key %s.key -subj /CN=%s -out %s.csr" % (name, name, name))
        self.run("x509 -req -in root.csr -signkey root.key -days 3650 -extfile config -extensions root -out root.pem")
        self.run("x509 -req -in signer.csr -CA root.pem -CAkey root.key -CAcreateserial -days 3650 -extfile config "
                 "-extensions signer -out signer.pem")
        with open(os.path.join(folder, "root.pem"), "rb") as file:
            self.root = file.read()

    def write(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)

    def run(self, command):
        subprocess.run(["openssl"] + command.split(), cwd=self.folder, capture_output=True, check=True)

    def stamp(self, data, digest="sha256", certificates="-cert"):
        self.write("data", data)
        self.run("ts -query -data data -%s %s -out query" % (digest, certificates))
        self.run("ts -reply -config config -section here -queryfile query -signer signer.pem -inkey signer.key "
                 "-token_out -out token")
        with open(os.path.join(self.folder, "token"), "rb") as file:
            return file.read()
