#!/usr/bin/env python3
"""Check the export of one seal, or a completeness proof, without any code of VaultMesh: a second reading of docs/spec.

Needs Python 3.9 or later and, for signatures, the command `openssl` (3.0 or later). For example:

  vaultmesh export SEAL -o seal.zip
  python3 verify.py seal.zip --key vaultmesh/53843f...+34d89cd1+AfGP6P... --ca root.pem

Exit codes: 0 verified, 1 contradicted, 2 usage or malformed input, 3 undecided.
"""
import argparse, base64, bisect, calendar, collections, datetime, decimal, functools, hashlib, io, itertools, json
import pathlib, re, struct, subprocess, sys, tempfile, time, uuid, zipfile, zlib

CONTRADICTED = ("artifact-altered seal-altered row-altered row-inserted root-mismatch checkpoint-invalid "
                "genesis-invalid anchor-invalid incomplete coverage-altered key-change-invalid "
                "key-not-in-force").split()
FIRST = "manifest.json VERIFY.txt verify.py trust.toml rows.jsonl proofs.jsonl coverage.json".split()  # of an export
SCHEMAS = 1, 2, 3
# Members and their types, as `shape` reads them: columns of each table and of all, and other objects.
COLUMNS = dict(
    tool_invocations="tool,phase:text status,input_json,output_json:text? intent_id:hex? duration_us:int?",
    mcp_calls="direction,kind:text rpc_id,method,body_json:text? connection:hex ordinal,frame_len:int? "
              "answers_id,frame_sha256,frame_commitment:hex?",
    proof_artifacts="kind,sha256_hex:text path,blake3_hex:text? size:int subject_id:hex?",
    shadow_receipts="horizon_id,reason:text counterfactual_hash,observer_key,observer_signature:hex entropy_delta:real")
COMMON = "id,trace_id:id ts:time meta_json:text? corrects_id,corrects_leaf,capability_hash,policy_hash:hex? "
OBJECTS = dict(
    export="format ledger:hash key:text scope:=seal seal_id:uuid size:count",
    seal="format schema_version,as_of,leaves:count schema_last_migration,checkpoint,signer,statement:text seal_id:uuid "
         "sealed_at:time set_root:hash digest_algo:=sha256 canonicalization:=rfc8785 bounds:bounds digest:digest "
         "inputs:inputs scrolls:scroll* selection:selection",
    bounds="min_ts,max_ts:time?", digest="algorithm:=sha256 hex:hash", scroll="engine:text root:hash size:count",
    inputs="sqlite_db_path:text? receipt_roots:text*", selection="scope since,until:time? trace_ids:uuid* kinds:text*",
    completeness="format,query checkpoint:text tail:tail ranges:range* entries:leaf*?",
    reference="column:column value:text", tail="left:hash* rows:text*", index="format size:count runs:run*",
    range="begin,count:count before,after:leaf? left,right:hash*", tree="root:hash size:count",
    history="format genesis:text changes:change*", change="format,role,reason,signature:text at:count ledger:text "
    "new,old,possession:text? trusted_size:count?", run="from,to:count time,trace:hash term:tree", claims="log_size:count unsigned_lines:line*",
    coverage="format,asked,as_of,rows,scrolls,observers,gaps,not_covered claims:claims", line="engine:name lines:count")
KINDS = {kind: bytes([number]) for number, kind in enumerate(COLUMNS, 1)}  # each with the byte that cards have for it
TERMS = "intent_id answers_id subject_id horizon_id corrects_id".split()
BEYOND = b"\xff" * 25  # behind the beginning of a key: above every key that begins so

class Open(Exception):
    """Something could not be checked: the code of a finding, and why."""

# What reading malformed input raises, here and in the standard library.
FAULTS = ValueError, OverflowError, RuntimeError, IndexError, EOFError, struct.error, zipfile.BadZipFile

def need(condition, why, code=None):
    """Else what is read is malformed; with a code it could not be checked."""
    if not condition:
        raise Open(code, why) if code else ValueError(why)

class Report(list):
    def find(self, code, subject, found, unless=False):
        if not unless:
            severity = "contradicted" if code in CONTRADICTED else "undecided"
            self.append({"code": code, "severity": severity, "subject": subject, "found": str(found)})

    def attempt(self, code, subject, action, *args, faults=FAULTS):
        """What the action returns; None and a finding where it fails, but for faults that are not among these."""
        try:
            return action(*args)
        except faults as fault:
            self.find(code, subject, fault)
        except Open as gap:
            self.find(gap.args[0], subject, gap.args[1])
        except OSError as fault:
            self.find("evidence-unreadable", subject, fault)

# Canonical JSON (canonical-json.md), and the shapes of what is read

def written_number(value):
    """As ECMAScript does it: the shortest digits that read back as the same double."""
    value = float(value)
    need(value - value == 0, "a number that is not finite")
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return format(decimal.Decimal(repr(abs(value) and value)).normalize(), "f")
    return "%se%+d" % (repr(value).split("e")[0], int(repr(value).split("e")[1]))

def written(value, depth=0):
    need(depth < 128 or not isinstance(value, (dict, list)), "nested too deep")
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(written(name) + ":" + written(value[name], depth + 1) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(item, depth + 1) for item in value) + "]"
    return written_number(value) if type(value) in (int, float) else json.dumps(value, ensure_ascii=False)

def read_json(data, limit, words, format=None):
    """A canonical object of the shape that words name, once its format is one of those named."""
    need(len(data) <= limit, "longer than its format allows")
    value = json.loads(data.decode())
    need(written(value).encode() == data and isinstance(value, dict), "no object in canonical JSON")
    named = value.get("format")
    need(format is None or named in format.split(), "format %s" % named, isinstance(named, str) and "format-unknown")
    return shape(value, words)

def shape(value, words):
    """Exactly the members that are named, each of the type behind the colon.

    With ? or null, with * a list of such, after = that very text.
    """
    groups = (word.partition(":") for word in words.split())
    types = {name: kind for names, _, kind in groups for name in names.split(",")}
    need(isinstance(value, dict) and value.keys() == types.keys(), "other members than " + " ".join(types))
    for name, kind in types.items():
        fits = TYPES.get(kind.rstrip("*?"), lambda item: item == kind[1:])
        items = value[name] if "*" in kind else [value[name]]
        is_null = value[name] is None and kind.endswith("?")
        need(is_null or isinstance(items, list) and all(map(fits, items)), "malformed " + name)
    return value

def matching(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None

def stamp(text):
    """A time as cards have it: microseconds since 1970 and 2^63 more, as eight bytes."""
    need(matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")(text) and text < "9999-12-30T22", "malformed time")
    since = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ") - datetime.datetime(1970, 1, 1)
    return struct.pack(">Q", since // datetime.timedelta(microseconds=1) + 2 ** 63)

TYPES = {
    "": lambda value: True, "text": lambda value: isinstance(value, str), "time": stamp,
    "int": lambda value: type(value) is int, "real": lambda value: type(value) in (int, float),
    "count": lambda value: type(value) is int and 0 <= value < 2 ** 63, "hash": matching("[0-9a-f]{64}"),
    "id": matching("[0-9a-f]{32}"), "hex": matching("([0-9a-f]{2})*"), "name": matching("[a-z0-9-]{1,64}"),
    "uuid": matching("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "column": lambda value: value in TERMS,
    "leaf": matching("([0-9a-f]{64})?0[1-4][0-9a-f]{160}"),  # of an index: a term or none, and a card
    **{name: functools.partial(shape, words=words) for name, words in OBJECTS.items()}}

# Merkle trees (row-leaf.md, row-proof.md, range-proof.md)

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def read_hashes(texts):
    return [bytes.fromhex(text) for text in texts]

def root_above(nodes, begin, size, before, after):
    """The root over leaves from the place begin on in a tree of that size; before and after are the hashes beside them.

    They are taken level by level, the lowest first.
    """
    end = begin + len(nodes)
    need(end <= size and (begin < end or size == 0), "no such run")
    while size > 1:
        low, high = begin - begin % 2, min(end + end % 2, size)  # whole pairs; a last node without a sibling just rises
        nodes = [*itertools.islice(before, begin - low), *nodes, *itertools.islice(after, high - end)]
        need(len(nodes) == high - low, "too few hashes")
        pairs = itertools.zip_longest(nodes[::2], nodes[1::2])
        nodes = [sha256(b"\1", left, right) if right else left for left, right in pairs]
        begin, end, size = low // 2, (high + 1) // 2, (size + 1) // 2
    need(next(before, None) is None and next(after, None) is None, "too many hashes")
    return nodes[0] if nodes else sha256()

def range_root(begin, size, leaves, left=(), right=()):
    """Left to right, the subtrees left of a run grow smaller, and those right of it larger."""
    return root_above(leaves, begin, size, iter(left[::-1]), iter(right))

def inclusion_root(leaf, index, size, path):
    """A path names the siblings from the leaf upwards, whichever side they stand on."""
    siblings = iter(path)
    return root_above([leaf], index, size, siblings, siblings)

# Keys and signed notes (trust.md, checkpoint.md)

def openssl(files, command):
    """Runs it in a folder that holds the files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            pathlib.Path(folder, name).write_bytes(data)
        return subprocess.run(["openssl"] + command.split(), cwd=folder, capture_output=True)

def unbase64(text):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "malformed base64")
    return data

def read_key(text):
    """Name, key hash and public key."""
    need(matching(r"vaultmesh/[0-9a-f]{64}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}")(text), "malformed key")
    name, key_id, key = text.split("+", 2)
    key_id, key = bytes.fromhex(key_id), unbase64(key)
    need(key[0] == 1 and key_id == sha256(name.encode(), b"\n", key)[:4] and not small_order(key[1:]), "malformed key")
    return name, key_id, key[1:]

def small_order(point):
    """The strict rules allow no such point; openssl does."""
    prime, eighth = 2 ** 255 - 19, 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
    return int.from_bytes(point, "little") % 2 ** 255 % prime in (0, 1, prime - 1, eighth, prime - eighth)

def check_signature(key, signature, text):
    files = {"key": bytes.fromhex("302a300506032b6570032100") + key, "signature": signature, "text": text.encode()}
    said = openssl(files, "pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in text -sigfile signature")
    need(b"Signature Verif" in said.stdout, "openssl checks no Ed25519: %s" % said.stderr[:200], "evidence-unreadable")
    need(said.returncode == 0 and not small_order(signature[:32]), "a signature that does not hold")

def read_note(note, key, most=100):
    """The lines of a note's text, once the key's signature holds."""
    text, gap, lines = note.rpartition("\n\n")
    need(len(note.encode()) <= 65536 and gap, "malformed note")
    need(matching(r"(— [^\s+]+ [A-Za-z0-9+/=]{8,}\n){1,%d}" % most)(lines), "malformed signature lines")
    signatures = [(name, unbase64(signature)) for name, signature in re.findall("— (.*) (.*)\n", lines)]
    own = [signature[4:] for name, signature in signatures if (name, signature[:4]) == key[:2]]
    need(own, "no signature of the key")
    for signature in own:
        check_signature(key[2], signature, text + "\n")
    return text.split("\n")

def read_checkpoint(note, key):
    """Size and root."""
    lines = read_note(note, key)
    need(len(lines) == 3 and lines[0] == key[0] and matching("0|[1-9][0-9]{0,19}")(lines[1]), "malformed checkpoint")
    size, root = int(lines[1]), unbase64(lines[2])
    need(len(root) == 32 and (size or root == sha256()), "malformed root")
    return size, root

# Changes of keys (key-change.md, key-history.md)

def read_history(data, name):
    """Each log key of the ledger of that name, with the first size that it signs, the first that it does not, and how it ended."""
    told = read_json(data, 2 ** 24, OBJECTS["history"], "vm-key-history-v0")
    row = Row(told["genesis"].encode())
    need("vaultmesh/" + row.leaf.hex() == name and row.columns.get("kind") == "vm-genesis", "another ledger's history")
    genesis = read_json(row.columns["meta_json"].encode(), 8192, "format,root_key,log_key,nonce:text", "vm-genesis-v0")
    root, log = genesis["root_key"], genesis["log_key"]
    need(len(told["changes"]) <= 4096, "too many changes")
    keys, used, force, last = [[log, 0, None, None]], {root, log}, {"log": log, "envelope": None, "ml-dsa": None}, 0
    for change in told["changes"]:
        roles = {"vm-key-change-v0": ("log", "envelope"), "vm-key-change-v1": ("ml-dsa",)}.get(change["format"])
        need(roles, "format %s" % change["format"], "format-unknown")
        text = written({name: value for name, value in change.items() if name not in ("signature", "possession")})
        old, new, role, at, reason = (change[member] for member in ("old", "new", "role", "at", "reason"))
        need("vaultmesh/" + change["ledger"] == name and role in roles and old == force[role], "a change of another key")
        need(at > last and new not in used and (old or new), "a change at another place, or to a key of before")
        need(reason in ("rotation", "lost", "stolen"), "a change without reason")
        trusted = change["trusted_size"]
        need(trusted is None or (role, reason) == ("log", "stolen") and trusted <= at, "a size that is vouched for amiss")
        pairs = [(root, "signature")] + ([(new, "possession")] if role == "log" else [])
        for key, member in pairs:
            need(matching("[0-9a-f]{64}")(key or "") and matching("[0-9a-f]{128}")(change[member] or ""), "malformed key")
            need(not small_order(bytes.fromhex(key)), "a key of small order")
            check_signature(bytes.fromhex(key), bytes.fromhex(change[member]), text)
        # Possession of an ML-DSA key is not checked here: it says nothing of the log's keys, which are all that is used.
        need(role != "envelope" or change["possession"] is None, "a possession of an envelope key")
        if role == "log":
            keys[-1][2:] = [at + 1, reason]
            keys.append([new, at + 1, None, None])
        used, last, force[role] = used | {new}, at, new
    return keys

def judge_signer(entries, path, seal, signer, key, report):
    """Whether the pinned key, or a history that begins with its ledger, vouches for the key that signed."""
    keys = report.attempt("key-change-invalid", "keys.json", read_history, entries["keys.json"], signer[0]) \
        if "keys.json" in entries else None
    known = {one[0]: one[1:] for one in keys or []}
    if key is None or key[0] != signer[0]:
        report.find("seal-altered", path, "signed by another ledger's key than --key", unless=key is None)
        return False
    if key[2].hex() in known and signer[2].hex() in known:
        begin, end, ended = known[signer[2].hex()]
        in_force = begin <= seal["as_of"] and (end is None or seal["as_of"] < end)
        report.find("key-not-in-force", path, "signed by a key that was not in force", unless=in_force)
        report.find("key-stolen", path, "signed by a stolen key", unless=not in_force or ended != "stolen")
        return True
    report.find("key-change-unproven", path, "signed by another key than --key", unless=key == signer)
    return key == signer

# Rows, selections and cards (row-leaf.md, selection.md, index.md)

class Row:
    def __init__(self, data, place=2 ** 64 - 1):
        value = read_json(data, 33619968, "format row schema:count table:text", "vm-row-v0")
        self.leaf, self.place, self.table, self.columns = sha256(b"\0", data), place, value["table"], value["row"]
        need(value["schema"] in SCHEMAS, "schema %d" % value["schema"], "format-unknown")
        need(self.table in KINDS and (self.table != "shadow_receipts" or value["schema"] >= 3), "unknown table")
        shape(self.columns, COMMON + COLUMNS[self.table])

    def card(self):
        ids = bytes.fromhex(self.columns["id"] + self.columns["trace_id"])
        return KINDS[self.table] + stamp(self.columns["ts"]) + ids + struct.pack(">Q", self.place) + self.leaf

    def leaves(self, order, asked):
        """What an index holds of the row in the tree of that order, and in the intervals that are asked for."""
        names = [name for name in TERMS if self.columns.get(name) is not None]
        terms = [term(name, self.columns[name]) for name in names] if order == "term" else [b""]
        return [first + self.card() for first in terms if within(asked, key_of(order, first + self.card()))]

def locate(data, line, size, root):
    proof = read_json(line, 8192, "index:count path:hash*")
    need(inclusion_root(sha256(b"\0", data), proof["index"], size, read_hashes(proof["path"])) == root, "another root")
    return proof["index"]

def term(column, value):
    return sha256(("vm-term-v0\n%s\n%s" % (column, value)).encode())

def key_of(order, leaf):
    return {"time": leaf[:25], "trace": leaf[25:49], "term": leaf[:32] + leaf[73:81]}[order]

def within(asked, key):
    at = bisect.bisect_left(asked, (key + b"\0",))  # that many intervals begin at or before the key
    return at > 0 and key < asked[at - 1][1]

def read_query(query):
    """The order of a question, and its intervals of keys, from the first up to and without the second."""
    if isinstance(query, dict) and "term" in query:
        begin = term(**shape(query, "term:reference")["term"])
        return "term", [(begin, begin + BEYOND)]
    selection = shape(query, "selection:selection")["selection"]
    kinds, traces, since, until = (selection[name] for name in ("kinds", "trace_ids", "since", "until"))
    need(kinds and kinds == [kind for kind in KINDS if kind in kinds], "malformed kinds")
    if selection["scope"] == "trace_set":
        need(0 < len(traces) <= 10000 and traces == sorted(set(traces)) and since is until is None, "no set of traces")
        begins = (bytes.fromhex(trace.replace("-", "")) for trace in traces)
        return "trace", [(begin, begin + BEYOND) for begin in begins]
    need(selection["scope"] == "time_window" and not traces, "malformed scope")
    first, last = stamp(since) if since else b"", stamp(until) if until else BEYOND
    need(first < last, "malformed window")
    return "time", [(KINDS[kind] + first, KINDS[kind] + last) for kind in kinds]

# Completeness proofs (completeness.md, index.md)

def read_tail(tail, size, root):
    """The rows from the index on, and the index's runs."""
    place = size - len(tail["rows"])
    need(0 <= place < size <= place + 1024, "malformed tail")
    rows = [Row(text.encode(), at) for at, text in enumerate(tail["rows"], place)]
    need(range_root(place, size, [row.leaf for row in rows], read_hashes(tail["left"])) == root, "another log's tail")
    need(rows[0].table == "proof_artifacts" and rows[0].columns["kind"] == "vm-index", "no index at the tail's head")
    index = read_json((rows[0].columns["meta_json"] or "").encode(), 65536, OBJECTS["index"], "vm-index-v0")
    runs, ends = index["runs"], [0] + [run["to"] for run in index["runs"]]
    need(all(run["from"] == end < run["to"] for run, end in zip(runs, ends)), "a run that does not follow")
    need(0 < len(runs) <= 64 and index["size"] == ends[-1] == place, "an index of another size than its place")
    return rows, runs

def check_range(part, order, run, low, high, own):
    """The matches of an interval: in a run's tree side by side, between neighbours beyond the interval."""
    tree = run["term"] if order == "term" else {"root": run[order], "size": run["to"] - run["from"]}
    inside = own[bisect.bisect_left(own, (low,)):bisect.bisect_left(own, (high,))]
    matches = [leaf for _, leaf in inside if run["from"] <= int.from_bytes(leaf[-40:-32], "big") < run["to"]]
    need(len(matches) == part["count"], "%d matches where there are %d" % (len(matches), part["count"]))
    begin, left, right = part["begin"], read_hashes(part["left"]), read_hashes(part["right"])
    before, after = (read_hashes([part[name]] if part[name] else []) for name in ("before", "after"))
    need((not before, not after) == (begin == 0, begin + len(matches) == tree["size"]), "a neighbour left out")
    leaves = before + matches + after
    need(all(len(leaf) == (113 if order == "term" else 81) for leaf in leaves), "leaf data of another order")
    keys = [key_of(order, leaf) for leaf in leaves]
    need(keys == sorted(set(keys)), "keys that do not rise")
    need((not before or keys[0] < low) and (not after or keys[-1] >= high), "a match left out beside the others")
    hashes = [sha256(b"\0", leaf) for leaf in leaves]
    need(range_root(begin - len(before), tree["size"], hashes, left, right).hex() == tree["root"], "another root")
    return matches

def completeness(data, key, rows=None):
    """Checkpoint and query, and the cards of all rows that match; rows are those at hand."""
    need(key, "a proof holds no key: give --key", "no-trust-key")
    proof = read_json(data, 2**24, OBJECTS["completeness"], "vm-completeness-v0")
    order, asked = read_query(proof["query"])
    tail, runs = read_tail(proof["tail"], *read_checkpoint(proof["checkpoint"], key))
    given = proof["entries"] and read_hashes(proof["entries"])
    need(given is not None or rows is not None, "neither entries nor rows", "evidence-unreadable")
    own = [leaf for row in rows for leaf in row.leaves(order, asked)] if given is None else given
    own = sorted((key_of(order, leaf), leaf) for leaf in own)
    need(len(proof["ranges"]) == len(runs) * len(asked), "another number of ranges")
    parts = zip(proof["ranges"], itertools.product(runs, asked))
    found = [leaf for part, (run, span) in parts for leaf in check_range(part, order, run, *span, own)]
    need(given is None or found == given, "entries that match nothing, or are out of order")
    found += [leaf for row in tail for leaf in row.leaves(order, asked)]
    return (proof["checkpoint"], proof["query"]), [leaf[-81:] for leaf in found]

# Seals (seal-bundle.md) and their anchors (anchor-rfc3161.md)

def read_seal(data):
    seal = read_json(data, 1048576, OBJECTS["seal"], "vm-ouroboros-seal-v0")
    read_query({"selection": seal["selection"]})
    engines = [scroll["engine"] for scroll in seal["scrolls"]]
    need(engines == sorted(set(engines)) and len(engines) <= 1024, "malformed scrolls")
    need(len(seal["inputs"]["receipt_roots"]) <= 16, "malformed roots")
    return seal

def check_statement(seal, signer):
    digested = {name: seal[name] for name in ("bounds", "leaves", "scrolls", "selection", "set_root")}
    digest = sha256(written({**digested, "format": "vm-seal-digest-v0"}).encode()).hex()
    need(digest == seal["digest"]["hex"], "digest " + digest)
    rest = sha256(written({name: seal[name] for name in seal if name != "statement"}).encode()).hex()
    text = ["vm-seal-statement-v0", signer[0], seal["seal_id"], rest]
    need(read_note(seal["statement"], signer, 1) == text, "a statement over another bundle")

def check_set(seal, cards):
    cards = sorted(cards, key=lambda card: card[:1] + card[9:25])
    need(len(cards) == seal["leaves"], "%d rows" % len(cards))
    times = [card[1:9] for card in cards]
    bounds = [time and stamp(time) for time in (seal["bounds"]["min_ts"], seal["bounds"]["max_ts"])]
    need(bounds == [min(times, default=None), max(times, default=None)], "other bounds")
    need(range_root(0, len(cards), [card[49:] for card in cards]).hex() == seal["set_root"], "another set_root")

def check_complete(data, seal, signer, rows):
    question, cards = completeness(data, signer, rows)
    need(question == (seal["checkpoint"], {"selection": seal["selection"]}), "a proof of another question")
    cards = [card for kind in seal["selection"]["kinds"] for card in cards if card[:1] == KINDS[kind]]
    need(rows is None or sorted(cards) == sorted(row.card() for row in rows), "other rows than were exported")
    check_set(seal, cards)
    return cards

def ids(rows, name, **wanted):
    return {str(uuid.UUID(row[name])) for row in rows if len(row[name] or "") == 32 and wanted.items() <= row.items()}

def check_coverage(entries, seal, cards, rows, proven):
    """That it says what seal and rows give, or where there are no rows the cards of them."""
    told = read_json(entries["coverage.json"], 2**20, OBJECTS["coverage"], "vm-coverage-v0 vm-coverage-v2")
    told.update(as_of=seal["as_of"], asked=seal["selection"], gaps=None, observers=None)
    told["rows"] = {kind: sum(card[:1] == KINDS[kind] for card in cards) for kind in KINDS}
    told["scrolls"] = [{"engine": scroll["engine"], "lines": scroll["size"]} for scroll in seal["scrolls"]]
    words = {"claimed-times": 1, "completeness": not proven, "contents": rows is None, "other-rows": 1,
             "scroll-lines": seal["scrolls"], "unrecorded": 1}
    told["not_covered"] = [word for word in words if words[word]]
    if rows is not None:
        tools, calls, artifacts, shadows = ([row.columns for row in rows if row.table == kind] for kind in KINDS)
        keys = collections.Counter(row["observer_key"] for row in shadows)
        told["observers"] = [{"key": key, "receipts": keys[key]} for key in sorted(keys)[:1024]]
        gaps = {"no_answer": ids(calls, "answers_id", kind="no_answer"),
                "open_horizons": ids(artifacts, "id", kind="vm-horizon-opened") -
                                 ids(artifacts, "subject_id", kind="vm-horizon-closed") if told["format"][-1] == "2"
                                 else {row["horizon_id"] for row in shadows},
                "open_intents": ids(tools, "id", phase="intent") - ids(tools, "intent_id"),
                "unanswered": ids(calls, "id", kind="request") - ids(calls, "answers_id")}
        told["gaps"] = {name: {"count": len(gaps[name]), "first": sorted(gaps[name])[:256]} for name in gaps}
    need(written(told).encode() == entries["coverage.json"], "another coverage")

def check_anchor(token, seal, roots, is_token):
    need(is_token, "a rail that is not read here", "no-trust-root")
    need(token[1:2] != b"\x80", "a token in BER", "format-unknown")
    begin = 2 + token[1] % 128 if token[1] > 127 else 2
    need(token[0] == 0x30 and begin + int.from_bytes(token[2:begin], "big") == len(token) <= 262144, "no token")
    files = {"token": token, "seal": seal, "roots": roots or b""}
    # By whatever certificate the token holds; whether that one is trusted comes last.
    said = openssl(files, "cms -verify -noverify -binary -inform DER -in token")
    is_open = re.search(b"signer certificate not found|unsupported|unknown digest", said.stderr)
    need(not is_open, said.stderr[-300:], "evidence-unreadable")
    need(said.returncode == 0, "a signature that does not hold")
    imprints = (hashlib.new(name, seal).digest() for name in ("sha256", "sha384", "sha512"))
    need(any(imprint in said.stdout for imprint in imprints), "the imprint of another file")
    # The path is judged at genTime.
    at = calendar.timegm(time.strptime(re.findall(rb"\x18.(\d{14})", said.stdout)[0].decode(), "%Y%m%d%H%M%S"))
    need(at < time.time() + 300, "a time to come")
    said = roots and openssl(files, "ts -verify -data seal -in token -token_in -CAfile roots -attime %d" % at)
    is_open = not said or re.search(b"unable to get (local )?issuer|self.signed", said.stderr)
    need(not is_open, "no path to a root that --ca names", "no-trust-root")
    need(said.returncode == 0, said.stderr[-300:])
    return True

# Exports (export.md)

def read_zip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [entry.filename for entry in archive.infolist()]
        need(len(set(names)) == len(names) <= 1000000, "a name that stands twice")
        is_path = matching(r"(?!(.*/)?\.{1,2}(/|$))[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
        need(all(map(is_path, names)), "a name that is no path")
        need(all(entry.compress_type == 0 for entry in archive.infolist()), "a compressed entry")
        return {name: archive.read(name) for name in names}

def packed(entries):
    """The one archive that holds these entries: those of FIRST, the others by name, the sums."""
    files, directory = bytearray(), bytearray()
    for name in sorted(entries, key=lambda name: ((FIRST + [name]).index(name), name == "SHA256SUMS", name)):
        data, extra = entries[name], name.encode() + struct.pack("<HHQQ", 1, 16, *[len(entries[name])] * 2)
        common = struct.pack("<HHHHHIqHH", 45, 0, 0, 0, 33, zlib.crc32(data), -1, len(name), 20)
        directory += b"PK\1\2\x2d\3" + common + struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, len(files)) + extra
        files += b"PK\3\4" + common + extra + data
    return files + directory + b"PK\5\6" + struct.pack("<IHHIIH", 0, *[len(entries)] * 2, len(directory), len(files), 0)

def read_rows(entries, seal, signer, head, is_known, report):
    """The rows that the seal selects."""
    (order, asked), rows, seen = read_query({"selection": seal["selection"]}), [], set()
    lines, proofs = (entries[name].split(b"\n") for name in ("rows.jsonl", "proofs.jsonl"))
    need(lines.pop() == proofs.pop() == b"", "a line that is cut")
    report.find("root-mismatch", "proofs.jsonl", "%d proofs" % len(proofs), unless=len(lines) == len(proofs))
    for number, line in enumerate(lines):
        subject = "row %d of rows.jsonl" % number
        proven = head and number < len(proofs)
        place = report.attempt("root-mismatch", subject, locate, line, proofs[number], *head) if proven else None
        row = report.attempt("row-altered", subject, Row, line, *([] if place is None else [place]))
        if row is None:
            continue
        report.find("row-inserted", subject, "exported twice", unless=row.columns["id"] not in seen)
        seen.add(row.columns["id"])
        selected = row.table in seal["selection"]["kinds"] and row.leaves(order, asked)
        report.find("row-altered", subject, "outside the selection", unless=selected)
        rows += [row] if selected else []
        if row.place == 0:
            named, key = "vaultmesh/" + row.leaf.hex(), '"log_key":"%s"' % signer[2].hex()
            report.find("genesis-invalid", subject, "another ledger's genesis", unless=named == signer[0])
            own = is_known or key in str(row.columns["meta_json"])
            report.find("key-change-unproven", subject, "another key's genesis", unless=own)
    report.attempt("seal-altered", "rows of the seal", check_set, seal, [row.card() for row in rows])
    return rows

def check_export(data, key, roots, report):
    entries = read_zip(data)
    sums = "".join("%s  %s\n" % (sha256(entries[name]).hex(), name) for name in sorted(entries) if name != "SHA256SUMS")
    if entries["SHA256SUMS"] != sums.encode():
        return report.find("artifact-altered", "SHA256SUMS", "other files than were packed")
    manifest = read_json(entries["manifest.json"], 8192, OBJECTS["export"], "vm-export-v0")
    need(packed(entries) == data, "bytes that belong to no entry")
    path, proof = ("seals/%s%s.json" % (manifest["seal_id"], end) for end in ("", ".complete"))
    seal, proven = read_seal(entries[path]), proof in entries
    signer, blind = read_key(seal["signer"]), not entries.keys() & {"rows.jsonl", "proofs.jsonl"}
    need((seal["seal_id"], seal["signer"], signer[0]) ==
         (manifest["seal_id"], manifest["key"], "vaultmesh/" + manifest["ledger"]), "manifest and seal differ")
    report.find("no-trust-key", path, "the key is the export's own: give --key", unless=key)
    is_known = judge_signer(entries, path, seal, signer, key, report)
    report.find("format-unknown", path, "schema %d" % seal["schema_version"], unless=seal["schema_version"] in SCHEMAS)
    report.attempt("seal-altered", path, check_statement, seal, signer)
    head = report.attempt("checkpoint-invalid", path, read_checkpoint, seal["checkpoint"], signer)
    report.find("seal-altered", path, "a checkpoint of another size", unless=not head or head[0] == seal["as_of"])
    for scroll in seal["scrolls"]:
        report.find("evidence-unreadable", "scroll " + scroll["engine"], "no export of a seal holds scrolls")
    rows = None if blind else read_rows(entries, seal, signer, head, is_known, report)
    report.find("evidence-unreadable", path, "neither rows nor cards of them", unless=not blind or proven)
    report.find("completeness-unproven", path, "nothing proves that no other row belongs to it", unless=proven)
    cards = report.attempt("incomplete", proof, check_complete, entries[proof], seal, signer, rows) if proven else None
    anchors = [name for name in sorted(entries) if name.startswith("anchors/%s/" % seal["seal_id"])]
    # Each is tried; where one holds no other is needed.
    held = any([report.attempt("anchor-invalid", name, check_anchor, entries[name], entries[path], roots,
                               name.endswith(".tst")) for name in anchors])
    report[:] = [one for one in report if not held or one["code"] != "no-trust-root" or one["subject"] not in anchors]
    report.find("seal-unanchored", path, "no anchor that counts", unless=held)
    for name in sorted(entries.keys() - {*FIRST, "SHA256SUMS", "keys.json", path, proof, *anchors}):
        report.find("format-unknown", name, "no entry of a seal's export")
    report.find("coverage-missing", path, "nothing says what it covers", unless="coverage.json" in entries)
    cards = cards if blind else [row.card() for row in rows]
    if "coverage.json" in entries and cards is not None and all(one["severity"] != "contradicted" for one in report):
        report.attempt("coverage-altered", "coverage.json", check_coverage, entries, seal, cards, rows, proven)

def check_proof(data, key, roots, report):
    report.attempt("incomplete", "proof", completeness, data, key)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", help="export of one seal, or completeness proof with its entries")
    parser.add_argument("--key", type=read_key, help="the ledger's key, as it was handed over by another road")
    parser.add_argument("--ca", help="file of root certificates (PEM) whose anchors count")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    options, report = parser.parse_args(), Report()
    try:
        data, roots = (name and pathlib.Path(name).read_bytes() for name in (options.bundle, options.ca))
        check = check_proof if data.startswith(b"{") else check_export
        report.attempt(None, options.bundle, check, data, options.key, roots, report, faults=())
    except Exception as fault:  # or Python would exit with 1, which says contradicted
        print("verify.py: malformed: %r" % fault, file=sys.stderr)
        return 2
    verdict = min((finding["severity"] for finding in report), default="verified")
    lines = [verdict] + ["  %(code)s: %(subject)s: %(found)s" % finding for finding in report]
    print(json.dumps({"verdict": verdict, "findings": report}, indent=2) if options.json else "\n".join(lines))
    return {"verified": 0, "contradicted": 1, "undecided": 3}[verdict]

if __name__ == "__main__":
    sys.exit(main())
