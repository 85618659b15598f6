"""Bundles that a verifier must judge: a good one, and bad ones named after their fault, with the answer inside each.

Files stand in vaultmesh/tests/vectors/bundles, one a bundle: an object of `fault` (what was done, for people), `bundle` (the
export of a seal, base64), `key` (what to pin), `ca` (root certificates in PEM), `verdict` (verified, contradicted, undecided,
or refused where it is no export at all), `findings` (codes that contradict or leave undecided, sorted), and `browser`, the
same two as a page finds them that knows no root certificates and checks no signature of a time stamp.

  VAULTMESH_BIN=target/debug/vaultmesh python3 vaultmesh/tests/python/bundles.py

writes them anew, with other keys and ids. Every hash that needs no key is computed again after each change, unless the fault is
that it was not. Answers are written down here by hand, and the script refuses to write a bundle that docs/verify.py answers otherwise.
"""
import base64
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import maker
from common import HERE, answer, verify
from maker import canon, leaf, pack, root, sha256, summed, uuid

FOLDER = HERE.parent / "vectors" / "bundles"
UNANCHORED = {"no-trust-root", "seal-unanchored"}


class Scene:
    """Two ledgers of the binary. The first has a seal over all, one over a trace and one over a window, each anchored."""

    def __init__(self, folder, binary):
        self.folder, self.program = folder, binary
        self.run("a", "init")
        self.run("a", "record", "tool", "grep", "--input", '{"pattern":"TODO"}', "--output", '{"hits":3}')
        self.run("a", "record", "mcp", "--", "cat", stdin='{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
        self.run("a", "record", "shadow", "--horizon", "cleanup", "--reason", "outside", "--counterfactual", '{"tool":"rm"}')
        self.older = self.sealed("a")
        self.run("a", "record", "tool", "sed", "--output", '{"lines":1}')
        self.all = self.sealed("a")
        self.blind = self.exported("a", self.all[0], "--blind")
        row = json.loads(self.all[1]["rows.jsonl"].splitlines()[0])
        self.trace = self.sealed("a", "--trace", maker.dashed(row["row"]["trace_id"]))
        self.window = self.sealed("a", "--since", row["row"]["ts"])
        self.run("b", "init")
        self.run("b", "record", "tool", "grep", "--input", '{"pattern":"TODO"}', "--output", '{"hits":3}')
        self.foreign = self.sealed("b")
        self.vkey = json.loads(self.all[1]["manifest.json"])["key"]
        self.key, self.other_key = self.secret("a"), maker.Key()
        self.ca = self.root("a")
        (folder / "authority").mkdir()
        self.authority = maker.Authority(str(folder / "authority"))

    def run(self, vault, *words, stdin=""):
        said = subprocess.run([self.program, "--vault", vault, "--keys", vault + ".keys", *words], cwd=self.folder, input=stdin,
                              capture_output=True, text=True)
        if said.returncode:
            raise AssertionError("%s: %s%s" % (words, said.stdout, said.stderr))
        return said.stdout

    def sealed(self, vault, *words):
        """Id and export of a new seal with its anchor."""
        seal = json.loads(self.run(vault, "--format", "json", "seal", "create", *words))["result"]["seal_id"]
        self.run(vault, "anchor", "add", seal, "--local")
        return seal, self.exported(vault, seal)

    def exported(self, vault, seal, *words):
        name = "%s-%s%d.vmb" % (vault, seal, len(words))
        self.run(vault, "export", seal, *words, "-o", name)
        entries = verify.read_zip((self.folder / name).read_bytes())
        # The script is known, and would be most of each file.
        return summed({name: data for name, data in entries.items() if name != "verify.py"})

    def secret(self, vault):
        file, = (self.folder / (vault + ".keys")).glob("*/log.key")
        return maker.Key(bytes.fromhex(file.read_text().split()[-1]))

    def root(self, vault):
        trust = self.run(vault, "trust", "show")
        return trust[trust.index("-----BEGIN"):trust.index("-----END")] + "-----END CERTIFICATE-----\n"


class Bundles:
    def __init__(self, scene):
        self.scene, self.made = scene, {}
        self.seal, self.base = scene.all
        self.path, self.proof = "seals/%s.json" % self.seal, "seals/%s.complete.json" % self.seal
        self.token = next(name for name in self.base if name.startswith("anchors/"))
        self.bundle, self.complete = (json.loads(self.base[name]) for name in (self.path, self.proof))
        self.rows, self.proofs = (self.base[name].splitlines(True) for name in ("rows.jsonl", "proofs.jsonl"))

    def add(self, name, fault, entries, verdict, *codes, browser=None, key=None, ca=None, resum=True):
        """A bundle and its answer. In a browser no anchor counts, but for what it sees without a root."""
        if isinstance(entries, dict):
            entries = pack(summed(entries) if resum else entries)
        key, ca = key or self.scene.vkey, self.scene.ca if ca is None else ca
        found = answer(entries, key, ca.encode() or None)
        if name in self.made or found != (None if verdict == "refused" else set(codes)):
            raise AssertionError("%s: %s" % (name, found))
        seen = set(codes) if browser is None else set(browser)
        if browser is None and verdict != "refused" and "artifact-altered" not in codes:
            seen |= UNANCHORED if "seal-unanchored" not in codes else set()
        judged = verdict if verdict in ("refused", "contradicted") else "undecided"
        if browser is not None:
            contradicted = any(code in verify.CONTRADICTED for code in seen)
            judged = "contradicted" if contradicted else "undecided"
        self.made[name] = {
            "fault": fault, "key": key, "ca": ca, "verdict": verdict, "findings": sorted(codes),
            "browser": {"verdict": judged, "findings": sorted(seen)}, "bundle": base64.b64encode(entries).decode()}

    def changed(self, name, data, base=None):
        return {**(base or self.base), name: data}

    def without(self, *names, base=None):
        return {name: data for name, data in (base or self.base).items() if name not in names}

    def with_rows(self, places, base=None):
        """Some of the rows, and the proofs of the same."""
        return {**(base or self.base), "rows.jsonl": b"".join(self.rows[at] for at in places),
                "proofs.jsonl": b"".join(self.proofs[at] for at in places)}

    def with_seal(self, change, digest=True, key=None, base=None):
        """The seal changed, its digest computed anew; signed only by who has a key, and without its anchor where it is
        another file than was stamped."""
        bundle = json.loads(json.dumps(self.bundle))
        change(bundle)
        if key:
            maker.sign_seal(bundle, key, digest)
        elif digest:
            words = {name: bundle[name] for name in ("bounds", "leaves", "scrolls", "selection", "set_root")}
            bundle["digest"]["hex"] = sha256(canon({"format": "vm-seal-digest-v0", **words})).hex()
        return {**(base or self.base), self.path: canon(bundle)}

    def over(self, places, key=None):
        """A seal over some of the rows, as if there were no others."""
        rows = [self.rows[at].rstrip(b"\n") for at in places]
        times = sorted(json.loads(row)["row"]["ts"] for row in rows)
        changes = {"leaves": len(rows), "set_root": root([leaf(row) for row in rows]).hex(),
                   "bounds": {"max_ts": times[-1] if rows else None, "min_ts": times[0] if rows else None}}
        return self.with_seal(lambda bundle: bundle.update(changes), key=key, base=self.with_rows(places))

    def altered_row(self, at, old, new):
        """The rows with one that says something else."""
        row = self.rows[at].replace(old, new, 1)
        if row == self.rows[at]:
            raise AssertionError("%r is not in row %d" % (old, at))
        return b"".join([*self.rows[:at], row, *self.rows[at + 1:]])

    def with_proof(self, base=None, **changes):
        return {**(base or self.base), self.proof: canon({**self.complete, **changes})}

    def with_range(self, at, **changes):
        ranges = self.complete["ranges"]
        return self.with_proof(ranges=[*ranges[:at], {**ranges[at], **changes}, *ranges[at + 1:]])

    def with_coverage(self, **changes):
        return self.changed("coverage.json", canon({**json.loads(self.base["coverage.json"]), **changes}))

    def make(self):
        self.good()
        self.archives()
        self.manifests()
        self.row_faults()
        self.seal_faults()
        self.completeness()
        self.anchors()
        self.coverage()
        self.wholes()

    def good(self):
        self.add("good", "nothing: the export of a seal over everything, with its anchor", self.base, "verified")
        self.add("good-blind", "nothing: the same without its rows", self.scene.blind, "verified")
        self.add("good-trace", "nothing: the export of a seal over one trace", self.scene.trace[1], "verified")
        self.add("good-window", "nothing: the export of a seal over a window of time", self.scene.window[1], "verified")
        order = list(range(len(self.rows)))[::-1]
        self.add("good-rows-in-another-order", "nothing that matters: rows and their proofs in another order",
                 self.with_rows(order), "verified")

    def archives(self):
        data, names = pack(self.base), [*self.base]
        at = data.index(self.rows[0]) + 40
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        for name, fault, made in (
                ("archive-empty", "no byte", b""),
                ("archive-cut", "the last 40 bytes are gone", data[:-40]),
                ("archive-cut-in-the-rows", "cut in the middle of the rows", data[:at]),
                ("archive-byte-behind-its-end", "one byte more", data + b"\0"),
                ("archive-byte-before-its-beginning", "one byte more", b"\0" + data),
                ("archive-bit-flipped", "one bit of a row, and no sum made anew", flipped),
                ("archive-entry-twice", "rows.jsonl stands twice", pack(self.base, [*names, "rows.jsonl"])),
                ("archive-entries-in-another-order", "the same entries, packed otherwise", pack(self.base, names[::-1])),
                ("archive-path-out-of-it", "an entry named ../x", summed({**self.base, "../x": b"x"})),
                ("archive-path-from-the-root", "an entry named /x", summed({**self.base, "/x": b"x"})),
                ("archive-compressed", "entries are deflated", deflated(self.base)),
                ("archive-bomb", "an entry that says it unpacks to 16 MiB of zeros", deflated({**self.base, "bomb": bytes(2 ** 24)})),
                ("archive-link", "an entry is a symbolic link",
                 data.replace(struct.pack("<I", 0o100644 << 16), struct.pack("<I", 0o120777 << 16), 1)),
                ("archive-without-its-directory", "the list at the end is gone", data[:data.index(b"PK\1\2")])):
            self.add(name, fault, made, "refused")
        self.add("sums-missing", "no SHA256SUMS", self.without("SHA256SUMS"), "refused", resum=False)
        self.add("sums-stale", "a row altered, its CRC made anew and SHA256SUMS not",
                 self.changed("rows.jsonl", self.altered_row(0, b"grep", b"grub")), "contradicted", "artifact-altered", resum=False)
        self.add("sums-emptied", "an empty SHA256SUMS", self.changed("SHA256SUMS", b""), "contradicted", "artifact-altered",
                 resum=False)
        self.add("entry-unlisted", "an entry that SHA256SUMS does not name", self.changed("more.txt", b"x"), "contradicted",
                 "artifact-altered", resum=False)
        self.add("entry-foreign", "an entry that no export has", self.changed("more.txt", b"x"), "undecided", "format-unknown")

    def manifests(self):
        own = json.loads(self.base["manifest.json"])

        def manifest(**changes):
            return self.changed("manifest.json", canon({**own, **changes}))
        self.add("manifest-missing", "no manifest", self.without("manifest.json"), "refused")
        self.add("manifest-of-another-ledger", "it names another ledger", manifest(ledger="00" * 32), "refused")
        self.add("manifest-of-another-seal", "it names another seal", manifest(seal_id=maker.dashed(uuid(1))), "refused")
        self.add("manifest-of-another-key", "it names the key of another ledger",
                 manifest(key=json.loads(self.scene.foreign[1]["manifest.json"])["key"]), "refused")
        self.add("manifest-of-a-vault", "it says that this is a whole vault", manifest(scope="vault", seal_id=None), "refused")
        self.add("manifest-of-a-later-format", "format vm-export-v1", manifest(format="vm-export-v1"), "undecided", "format-unknown",
                 browser=["format-unknown"])

    def row_faults(self):
        count, all_rows = len(self.rows), list(range(len(self.rows)))
        seal, gone = "seal-altered", "incomplete"
        self.add("row-left-out", "a row and its proof are gone", self.with_rows(all_rows[:2] + all_rows[3:]), "contradicted", seal, gone)
        self.add("row-first-left-out", "the first row is gone", self.with_rows(all_rows[1:]), "contradicted", seal, gone)
        self.add("row-last-left-out", "the last row is gone", self.with_rows(all_rows[:-1]), "contradicted", seal, gone)
        self.add("rows-emptied", "two empty files", self.with_rows([]), "contradicted", seal, gone)
        self.add("rows-missing", "neither rows nor proofs, and no word of them in the completeness proof",
                 self.without("rows.jsonl", "proofs.jsonl"), "undecided", "evidence-unreadable")
        self.add("row-twice", "a row stands twice", self.with_rows([*all_rows, 0]), "contradicted", seal, gone, "row-inserted")
        foreign = self.scene.foreign[1]["rows.jsonl"].splitlines(True)
        tool = next(row for row in foreign if b"tool_invocations" in row)
        self.add("row-foreign", "a row of another ledger, with the proof of one of this",
                 {**self.base, "rows.jsonl": self.base["rows.jsonl"] + tool,
                  "proofs.jsonl": self.base["proofs.jsonl"] + self.proofs[0]}, "contradicted", seal, gone, "root-mismatch")
        for name, fault, old, new in (("tool", "another tool", b'"tool":"grep"', b'"tool":"grub"'),
                                      ("status", "an error becomes a success, or the other way round", b'"status":"ok"', b'"status":"error"'),
                                      ("time", "another time", b'"ts":"2', b'"ts":"1'),
                                      ("trace", "another trace", b'"trace_id":"0', b'"trace_id":"1'),
                                      ("output", "another output", b"hits", b"hit5")):
            changed = self.changed("rows.jsonl", self.altered_row(0, old, new))
            self.add("row-altered-" + name, fault, changed, "contradicted", seal, gone, "root-mismatch")
        made = self.altered_row(0, b'"tool":"grep"', b'"tool":"grub"')
        rows = [row.rstrip(b"\n") for row in made.splitlines(True)]
        again = self.with_seal(lambda bundle: bundle.update(set_root=root([leaf(row) for row in rows]).hex()),
                               base=self.changed("rows.jsonl", made))
        self.add("row-altered-and-seal-computed-anew", "a row altered, set_root and digest made anew; nobody could sign them", again,
                 "contradicted", seal, gone, "root-mismatch", "anchor-invalid", "seal-unanchored")
        self.add("row-not-canonical", "a space in a row", self.changed("rows.jsonl", self.altered_row(0, b'","', b'", "')),
                 "contradicted", seal, gone, "row-altered", "root-mismatch")
        self.add("row-of-a-later-schema", "schema 9", self.changed("rows.jsonl", self.altered_row(0, b'"schema":3', b'"schema":9')),
                 "contradicted", seal, gone, "format-unknown",
                 "root-mismatch")
        self.add("row-of-no-table", "a table that there is not",
                 self.changed("rows.jsonl", self.altered_row(0, b'"table":"tool_', b'"table":"t00l_')), "contradicted", seal, gone,
                 "row-altered", "root-mismatch")
        self.add("row-cut", "the last line has no end", self.changed("rows.jsonl", self.base["rows.jsonl"][:-1]), "refused")
        proofs = [json.loads(line) for line in self.proofs]

        def proven(at, **changes):
            return self.changed("proofs.jsonl", b"".join(
                canon({**proof, **(changes if number == at else {})}) + b"\n" for number, proof in enumerate(proofs)))
        wrong = "root-mismatch"
        self.add("proof-missing", "a row has none", self.changed("proofs.jsonl", b"".join(self.proofs[:-1])), "contradicted", wrong, gone)
        self.add("proof-too-many", "one more than rows", self.changed("proofs.jsonl", b"".join([*self.proofs, self.proofs[0]])),
                 "contradicted", wrong)
        self.add("proofs-swapped", "two rows have each other's",
                 self.changed("proofs.jsonl", b"".join([self.proofs[1], self.proofs[0], *self.proofs[2:]])), "contradicted", wrong, gone)
        self.add("proof-of-another-place", "index one more", proven(0, index=proofs[0]["index"] + 1), "contradicted", wrong, gone)
        self.add("proof-of-a-place-beyond", "an index beyond the log", proven(0, index=10 ** 6), "contradicted", wrong, gone)
        self.add("proof-hash-altered", "one hash is another", proven(0, path=["00" * 32, *proofs[0]["path"][1:]]), "contradicted", wrong, gone)
        self.add("proof-cut", "the last hash is gone", proven(0, path=proofs[0]["path"][:-1]), "contradicted", wrong, gone)
        self.add("proof-longer", "one hash more", proven(0, path=[*proofs[0]["path"], "00" * 32]), "contradicted", wrong, gone)
        assert count == len(proofs)

    def seal_faults(self):
        restamped = {"anchor-invalid", "seal-unanchored"}
        seal, gone = "seal-altered", "incomplete"

        def update(**changes):
            return lambda bundle: bundle.update(changes)
        own = self.bundle
        self.add("seal-missing", "no bundle", self.without(self.path), "refused")
        self.add("seal-digest-altered", "another digest", self.with_seal(update(digest={**own["digest"], "hex": "00" * 32}), digest=False),
                 "contradicted", seal, *restamped)
        self.add("seal-set-root-altered", "another set_root", self.with_seal(update(set_root="00" * 32)), "contradicted", seal, gone, *restamped)
        self.add("seal-over-fewer-rows", "one leaf less than rows", self.with_seal(update(leaves=own["leaves"] - 1)), "contradicted", seal, gone,
                 *restamped)
        self.add("seal-bounds-altered", "another latest time",
                 self.with_seal(update(bounds={**own["bounds"], "max_ts": own["bounds"]["min_ts"]})), "contradicted", seal, gone, *restamped)
        self.add("seal-time-altered", "sealed a year earlier", self.with_seal(update(sealed_at="2025" + own["sealed_at"][4:])), "contradicted",
                 seal, *restamped)
        self.add("seal-selection-narrowed", "over one table instead of four",
                 self.with_seal(update(selection={**own["selection"], "kinds": ["mcp_calls"]})), "contradicted", seal, gone, "row-altered",
                 *restamped)
        self.add("seal-selection-widened", "of a trace, sold as everything", self.widened(), "contradicted", seal, gone, *restamped)
        text = own["statement"].rpartition("\n\n")[0] + "\n"
        self.add("seal-signed-by-another", "signed by somebody else, under a name of their own",
                 self.with_seal(update(statement=self.scene.other_key.note("vaultmesh/" + "00" * 32, text)), digest=False), "contradicted",
                 seal, *restamped)
        text, _, line = own["statement"].rpartition(" ")
        flipped = bytearray(base64.b64decode(line))
        flipped[20] ^= 1
        self.add("seal-signature-altered", "one bit of the signature",
                 self.with_seal(update(statement="%s %s\n" % (text, base64.b64encode(flipped).decode())), digest=False), "contradicted", seal,
                 *restamped)
        other = json.loads(self.scene.trace[1]["seals/%s.json" % self.scene.trace[0]])
        self.add("seal-statement-of-another-seal", "a true signature over another bundle",
                 self.with_seal(update(statement=other["statement"]), digest=False), "contradicted", seal, *restamped)
        self.add("seal-checkpoint-of-another-size", "a true checkpoint of a shorter log",
                 self.with_seal(update(checkpoint=self.older()["checkpoint"]), digest=False), "contradicted", seal, gone, "root-mismatch", *restamped)
        self.add("seal-as-of-altered", "another size than the checkpoint's", self.with_seal(update(as_of=own["as_of"] - 1)), "contradicted", seal,
                 *restamped)
        text, _, line = own["checkpoint"].rpartition(" ")
        flipped = bytearray(base64.b64decode(line))
        flipped[20] ^= 1
        forged = "%s %s\n" % (text, base64.b64encode(flipped).decode())
        self.add("seal-checkpoint-signature-altered", "one bit of the signature", self.with_seal(update(checkpoint=forged), digest=False),
                 "contradicted", seal, gone, "checkpoint-invalid", *restamped)
        forged = own["checkpoint"].replace("\n%d\n" % own["as_of"], "\n%d\n" % (own["as_of"] + 1), 1)
        self.add("seal-checkpoint-altered", "a size one larger, under the old signature", self.with_seal(update(checkpoint=forged), digest=False),
                 "contradicted", seal, gone, "checkpoint-invalid", *restamped)
        self.add("seal-of-a-later-format", "format vm-ouroboros-seal-v1", self.with_seal(update(format="vm-ouroboros-seal-v1"), digest=False),
                 "undecided", "format-unknown", browser=["format-unknown"])
        self.add("seal-of-a-later-schema", "schema 9, signed by the ledger",
                 self.with_seal(update(schema_version=9, schema_last_migration="0009_later.sql"), key=self.scene.key), "contradicted",
                 "format-unknown", *restamped)
        self.add("seal-malformed", "a member more", self.with_seal(update(more=1), digest=False), "refused")
        self.add("seal-not-canonical", "a space behind it", self.changed(self.path, self.base[self.path] + b" "), "refused")

    def widened(self):
        name = "seals/%s.json" % self.scene.trace[0]
        bundle = json.loads(self.scene.trace[1][name])
        bundle["selection"] = self.bundle["selection"]
        words = {member: bundle[member] for member in ("bounds", "leaves", "scrolls", "selection", "set_root")}
        bundle["digest"]["hex"] = sha256(canon({"format": "vm-seal-digest-v0", **words})).hex()
        return {**self.scene.trace[1], name: canon(bundle)}

    def older(self):
        return json.loads(self.scene.older[1]["seals/%s.json" % self.scene.older[0]])

    def completeness(self):
        gone, proof = "incomplete", self.complete
        told = json.loads(self.base["coverage.json"])
        told["not_covered"] = sorted([*told["not_covered"], "completeness"])
        self.add("completeness-missing", "no proof that there are no other rows, as the coverage statement says",
                 self.without(self.proof, base=self.changed("coverage.json", canon(told))), "undecided", "completeness-unproven")
        self.add("completeness-missing-unsaid", "no such proof, and a coverage statement that knows of one", self.without(self.proof),
                 "contradicted", "completeness-unproven", "coverage-altered")
        for at in range(len(self.rows)):
            places = [place for place in range(len(self.rows)) if place != at]
            if at in (0, 2, len(self.rows) - 1):
                self.add("thinned-and-signed-anew-%d" % at, "the ledger itself seals all rows but one", self.over(places, self.scene.key),
                         "contradicted", gone, "anchor-invalid", "seal-unanchored")
        self.add("emptied-and-signed-anew", "the ledger itself seals that there was nothing", self.over([], self.scene.key), "contradicted", gone,
                 "anchor-invalid", "seal-unanchored")
        for name, fault, changes in (
                ("begins-later", "begins at the second match", {"begin": proof["ranges"][0]["begin"] + 1}),
                ("count-less", "one match less", {"count": proof["ranges"][0]["count"] - 1}),
                ("count-more", "one match more", {"count": proof["ranges"][0]["count"] + 1}),
                ("neighbour-left-out", "the neighbour behind the matches is gone", {"after": None}),
                ("neighbour-forged", "a neighbour that stands in no tree", {"after": "04" + "00" * 80}),
                ("hash-altered", "a hash of the range is another", {"right": ["00" * 32 for _ in proof["ranges"][0]["right"]] or ["00" * 32]})):
            self.add("completeness-" + name, fault, self.with_range(0, **changes), "contradicted", gone)
        self.add("completeness-range-left-out", "one range less", self.with_proof(ranges=proof["ranges"][1:]), "contradicted", gone)
        self.add("completeness-ranges-swapped", "two ranges in each other's place",
                 self.with_proof(ranges=[proof["ranges"][1], proof["ranges"][0], *proof["ranges"][2:]]), "contradicted", gone)
        asked = {"selection": {**proof["query"]["selection"], "kinds": ["mcp_calls"]}}
        self.add("completeness-of-another-question", "the proof is for one table", self.with_proof(query=asked), "contradicted", gone)
        older = json.loads(self.scene.older[1]["seals/%s.complete.json" % self.scene.older[0]])
        self.add("completeness-of-an-older-log", "a true proof, of a shorter log", self.changed(self.proof, canon(older)), "contradicted", gone)
        foreign = self.scene.foreign[1]["seals/%s.complete.json" % self.scene.foreign[0]]
        self.add("completeness-of-another-ledger", "a true proof, of another ledger", self.changed(self.proof, foreign), "contradicted", gone)
        tail = proof["tail"]
        self.add("completeness-index-altered", "the index states another root",
                 self.with_proof(tail={**tail, "rows": [tail["rows"][0].replace('\\"time\\":\\"', '\\"time\\":\\"00', 1)]}), "contradicted", gone)
        self.add("completeness-tail-emptied", "no index", self.with_proof(tail={**tail, "rows": []}), "contradicted", gone)
        self.add("completeness-of-a-later-format", "format vm-completeness-v1", self.with_proof(format="vm-completeness-v1"), "undecided",
                 "format-unknown")
        self.add("completeness-not-canonical", "a space behind it", self.changed(self.proof, self.base[self.proof] + b" "), "contradicted", gone)
        blind, name = self.scene.blind, self.proof
        shown = json.loads(blind[name])
        for what, fault, entries in (("left-out", "one card less", shown["entries"][1:]),
                                     ("emptied", "no card", []),
                                     ("altered", "another leaf hash in a card", [shown["entries"][0][:-2] + "00", *shown["entries"][1:]]),
                                     ("twice", "a card stands twice", [shown["entries"][0], *shown["entries"]])):
            self.add("blind-card-" + what, fault, self.changed(name, canon({**shown, "entries": entries}), blind), "contradicted", gone)
        self.add("blind-without-cards", "neither rows nor cards", self.changed(name, canon({**shown, "entries": None}), blind), "undecided",
                 "evidence-unreadable")

    def anchors(self):
        token = self.base[self.token]
        bad = ("anchor-invalid", "seal-unanchored")
        self.add("anchor-missing", "no time stamp", self.without(self.token), "undecided", "seal-unanchored")
        self.add("anchor-of-another-seal", "a true time stamp over another file",
                 self.changed(self.token, next(data for name, data in self.scene.trace[1].items() if name.startswith("anchors/"))),
                 "contradicted", *bad)
        flipped = token[:-6] + bytes([token[-6] ^ 1]) + token[-5:]
        self.add("anchor-signature-altered", "one bit of its signature", self.changed(self.token, flipped), "contradicted", *bad,
                 browser=UNANCHORED)
        self.add("anchor-cut", "its last byte is gone", self.changed(self.token, token[:-1]), "contradicted", *bad, browser=UNANCHORED)
        self.add("anchor-emptied", "an empty file", self.changed(self.token, b""), "contradicted", *bad)
        self.add("anchor-of-an-unknown-authority", "an authority below no root that is trusted",
                 self.changed(self.token, self.scene.authority.stamp(self.base[self.path])), "undecided", "no-trust-root", "seal-unanchored")
        self.add("anchor-of-nobody-trusted", "no root is trusted", self.base, "undecided", *UNANCHORED, ca="")

    def coverage(self):
        own = json.loads(self.base["coverage.json"])
        self.add("coverage-missing", "nothing says what it covers", self.without("coverage.json"), "undecided", "coverage-missing")
        hidden = {**own["gaps"], "open_horizons": {"count": 0, "first": []}}
        for name, fault, changes in (("gap-hidden", "a decision that nothing closes is not told", {"gaps": hidden}),
                                     ("rows-counted-wrongly", "other numbers of rows", {"rows": {**own["rows"], "mcp_calls": 99}}),
                                     ("of-another-question", "asked for something else", {"asked": {**own["asked"], "kinds": ["mcp_calls"]}}),
                                     ("observer-left-out", "who observed is not told", {"observers": []}),
                                     ("limits-left-out", "what is not covered is not told", {"not_covered": []})):
            self.add("coverage-" + name, fault, self.with_coverage(**changes), "contradicted", "coverage-altered")
        self.add("coverage-of-a-later-format", "format vm-coverage-v1", self.with_coverage(format="vm-coverage-v1"), "undecided",
                 "format-unknown")

    def wholes(self):
        """Each with everything computed anew that needs no key of the ledger."""
        foreign = self.scene.foreign[1]
        self.add("whole-ledger-swapped", "the sound export of another ledger, under the key of this one", foreign, "contradicted",
                 "seal-altered", "no-trust-root", "seal-unanchored", browser={"seal-altered", *UNANCHORED})
        self.add("signed-by-another-key", "everything signed anew by a key of the forger's, under the ledger's name", self.resigned(), "contradicted",
                 "key-change-unproven", "anchor-invalid", "seal-unanchored")
        older = self.older()
        places = [at for at, line in enumerate(self.proofs) if json.loads(line)["index"] < older["as_of"]]
        rows = [self.rows[at].rstrip(b"\n") for at in places]
        times = sorted(json.loads(row)["row"]["ts"] for row in rows)
        changes = {"as_of": older["as_of"], "checkpoint": older["checkpoint"], "leaves": len(rows),
                   "set_root": root([leaf(row) for row in rows]).hex(), "bounds": {"max_ts": times[-1], "min_ts": times[0]}}
        proof = self.scene.older[1]["seals/%s.complete.json" % self.scene.older[0]]
        paths = {json.loads(line)["index"]: line for line in self.scene.older[1]["proofs.jsonl"].splitlines(True)}
        cut = self.with_seal(lambda bundle: bundle.update(changes), base=self.with_rows(places))
        cut[self.proof] = proof
        cut["proofs.jsonl"] = b"".join(paths[json.loads(self.proofs[at])["index"]] for at in places)
        cut["coverage.json"] = self.scene.older[1]["coverage.json"]
        self.add("tail-cut", "sold as sealed at an earlier size, with that size's true checkpoint, rows and completeness proof", cut,
                 "contradicted", "seal-altered", "anchor-invalid", "seal-unanchored")
        mixed = {**self.scene.older[1], self.token.replace(self.seal, self.scene.older[0]): self.base[self.token]}
        self.add("older-copy-under-a-newer-anchor", "an earlier seal of the ledger, with the time stamp of this one", mixed, "contradicted",
                 "anchor-invalid", "seal-unanchored")
        self.add("rows-and-proofs-emptied", "a seal over nothing, digest and proof made anew without a key", self.over([]), "contradicted",
                 "seal-altered", "incomplete", "anchor-invalid", "seal-unanchored")
        name = "seals/%s.json" % self.scene.trace[0]
        trace = self.scene.trace[1]
        lines = {member: trace[member].splitlines(True)[1:] for member in ("rows.jsonl", "proofs.jsonl")}
        bundle = json.loads(trace[name])
        maker.seal_rows(bundle, [row.rstrip(b"\n") for row in lines["rows.jsonl"]], self.scene.key)
        thinned = {**trace, name: canon(bundle), **{member: b"".join(kept) for member, kept in lines.items()}}
        self.add("trace-thinned-and-signed-anew", "the ledger itself seals its trace without one row", thinned, "contradicted", "incomplete",
                 "anchor-invalid", "seal-unanchored")

    def resigned(self):
        key, name = self.scene.other_key, self.scene.vkey.split("+")[0]
        vkey = key.vkey(name)
        manifest = {**json.loads(self.base["manifest.json"]), "key": vkey}
        text = self.bundle["checkpoint"].rpartition("\n\n")[0] + "\n"
        note = key.note(name, text)
        made = self.with_seal(lambda bundle: bundle.update(signer=vkey, checkpoint=note), key=key)
        made[self.proof] = canon({**self.complete, "checkpoint": note})
        return {**made, "manifest.json": canon(manifest)}


def deflated(entries):
    import io
    import zipfile
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in summed(entries).items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def main():
    binary = pathlib.Path(os.environ.get("VAULTMESH_BIN", HERE.parents[2] / "target" / "debug" / "vaultmesh")).resolve()
    with tempfile.TemporaryDirectory() as folder:
        bundles = Bundles(Scene(pathlib.Path(folder), str(binary)))
        bundles.make()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, vector in bundles.made.items():
        (FOLDER / (name + ".json")).write_text(json.dumps(vector, indent=1, ensure_ascii=False) + "\n")
    bad = sum(not name.startswith("good") for name in bundles.made)
    print("%d good, %d bad" % (len(bundles.made) - bad, bad))


if __name__ == "__main__":
    sys.exit(main())
