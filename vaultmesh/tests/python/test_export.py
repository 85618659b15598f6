"""Exports of seals: whole ones, and every kind of change with the finding it ends in."""
import ast
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import maker
from common import HERE, VERIFIER, answer, verify
from maker import canon, moment, pack, sha256, summed, uuid, window

BINARY = pathlib.Path(os.environ.get("VAULTMESH_BIN", HERE.parents[2] / "target" / "release" / "vaultmesh"))
OPEN = {"completeness-unproven"}


def setUpModule():
    """One vault of the released binary, its seal exported without and with anchors, and its log key."""
    global folder, KEY, VKEY, ROOT, PLAIN, ANCHORED, SEAL, AUTHORITY
    if not BINARY.exists():
        raise unittest.SkipTest("no binary at %s: build it, or set VAULTMESH_BIN" % BINARY)
    holder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(holder.cleanup)
    folder = pathlib.Path(holder.name)
    binary("init")
    binary("record", "tool", "grep", "--input", '{"pattern":"TODO"}', "--output", '{"hits":3}')
    binary("record", "mcp", "--", "cat", stdin='{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    binary("record", "shadow", "--horizon", "cleanup", "--reason", "outside", "--counterfactual", '{"tool":"rm"}')
    # Without an index, so that what is tested here is the seal and not its completeness proof.
    SEAL = made_seal("--without-index")
    binary("export", SEAL, "-o", "plain.zip")
    for _ in range(2):
        binary("anchor", "add", SEAL, "--local")
    binary("export", SEAL, "-o", "anchored.zip")
    binary("trust", "show", "--output", "trust.toml")
    trust = (folder / "trust.toml").read_text()
    ROOT = trust[trust.index("-----BEGIN"):trust.index("-----END")] + "-----END CERTIFICATE-----\n"
    (folder / "root.pem").write_text(ROOT)
    PLAIN, ANCHORED = (verify.read_zip((folder / name).read_bytes()) for name in ("plain.zip", "anchored.zip"))
    manifest = json.loads(PLAIN["manifest.json"])
    VKEY = manifest["key"]
    secret = (folder / "keys" / manifest["ledger"] / "log.key").read_text()
    KEY = maker.Key(bytes.fromhex(secret.split()[-1]))
    (folder / "authority").mkdir()
    AUTHORITY = maker.Authority(str(folder / "authority"))


def made_seal(*words):
    return json.loads(binary("--format", "json", "seal", "create", *words))["result"]["seal_id"]


def binary(*words, stdin=""):
    said = subprocess.run([str(BINARY), "--vault", "vault", "--keys", "keys", *words], cwd=folder, input=stdin,
                          capture_output=True, text=True)
    if said.returncode:
        raise AssertionError("%s: %s%s" % (words, said.stdout, said.stderr))
    return said.stdout


def bundle_path():
    return "seals/%s.json" % SEAL


def with_seal(change, sign=True, digest=True, entries=None):
    """The export with a seal that was changed, and signed again unless it was not."""
    bundle = json.loads(PLAIN[bundle_path()])
    change(bundle)
    if sign:
        maker.sign_seal(bundle, KEY, digest)
    return summed({**(entries or PLAIN), bundle_path(): canon(bundle)})


def members(**changes):
    return lambda bundle: bundle.update(changes)


def without(*names, entries=None):
    return summed({name: data for name, data in (entries or PLAIN).items() if name not in names})


def replaced(name, old, new):
    if old not in PLAIN[name]:
        raise AssertionError("%r is not in %s" % (old, name))
    return summed({**PLAIN, name: PLAIN[name].replace(old, new, 1)})


def lines(name):
    return PLAIN[name].splitlines(True)


def with_rows(order, proofs=None):
    """The export with some of its rows, and the proofs of the same."""
    return summed({**PLAIN, "rows.jsonl": b"".join(lines("rows.jsonl")[at] for at in order),
                   "proofs.jsonl": b"".join(lines("proofs.jsonl")[at] for at in (order if proofs is None else proofs))})


class Exports(unittest.TestCase):
    def check(self, entries, *codes, key=None, binary_too=True, base=OPEN | {"seal-unanchored"}, roots=None, or_refused=False):
        """The findings here, and the same by the binary, which may also refuse the file."""
        data = pack(entries) if isinstance(entries, dict) else entries
        key = VKEY if key is None else key
        found = answer(data, key, roots)
        self.assertEqual(found, None if codes == (None,) else set(base) | set(codes))
        if binary_too:
            self.assertIn(self.by_binary(data, key, roots), [found, None] if or_refused else [found])

    def by_binary(self, data, key, roots):
        """Findings of the binary; None where it refuses the file. Remarks are left out."""
        (folder / "asked.zip").write_bytes(data)
        words = ["--key", key] if key else []
        words += ["--trust", "trust.toml"] if roots == ROOT.encode() else []
        said = subprocess.run([str(BINARY), "--format", "json", "verify-bundle", "asked.zip", *words], cwd=folder,
                              capture_output=True, text=True)
        if said.returncode == 2:
            return None
        return {one["code"] for one in json.loads(said.stdout)["findings"] if one["severity"] in ("contradicted", "undecided")}

    # What is whole

    def test_whole(self):
        self.check((folder / "plain.zip").read_bytes())
        self.check((folder / "anchored.zip").read_bytes(), "no-trust-root")
        self.check((folder / "anchored.zip").read_bytes(), roots=ROOT.encode(), base=OPEN)
        self.check((folder / "plain.zip").read_bytes(), "no-trust-key", key="")

    def test_the_packing_is_that_of_the_binary(self):
        for name, entries in (("plain.zip", PLAIN), ("anchored.zip", ANCHORED)):
            self.assertEqual(pack(entries), (folder / name).read_bytes())

    def test_selections_of_the_binary(self):
        trace = json.loads(lines("rows.jsonl")[1])["row"]["trace_id"]
        for words in (["--kind", "mcp_calls"], ["--trace", maker.dashed(trace)], ["--since", "2020-01-01T00:00:00Z"],
                      ["--until", "2020-01-01T00:00:00Z", "--allow-empty"], ["--kind", "mcp_calls", "proof_artifacts"]):
            made = made_seal(*words)
            binary("export", made, "-o", made + ".zip")
            scrolls = json.loads((folder / "vault" / "seals" / (made + ".json")).read_text())["scrolls"]
            self.check((folder / (made + ".zip")).read_bytes(), *["evidence-unreadable" for _ in scrolls], base={"seal-unanchored"})

    def test_complete_exports_of_the_binary(self):
        """Both agree that an export is complete, and that one is not that was thinned, stretched or spoilt."""
        made = made_seal()
        proof_name = "seals/%s.complete.json" % made
        for words in ([], ["--blind"]):
            name = "complete%d.zip" % len(words)
            binary("export", made, *words, "-o", name)
            entries = verify.read_zip((folder / name).read_bytes())
            self.assertEqual("rows.jsonl" in entries, not words)
            base = {"seal-unanchored"} | {"evidence-unreadable" for _ in json.loads(entries["seals/%s.json" % made])["scrolls"]}
            self.check(entries, base=base)
            proof = json.loads(entries[proof_name])
            spoilt = []
            for at, one in enumerate(proof["ranges"]):
                for change in ({"begin": one["begin"] + 1}, {"count": one["count"] + 1}, {"before": "00" * 81}, {"left": ["00" * 32] * 2}):
                    spoilt.append({**proof, "ranges": [*proof["ranges"][:at], {**one, **change}, *proof["ranges"][at + 1:]]})
            spoilt += [{**proof, "entries": proof["entries"][1:]}] if words else []
            spoilt += [{**proof, "checkpoint": proof["checkpoint"].replace("\n", "\n1", 1)}, {**proof, "ranges": proof["ranges"][1:]}]
            for wrong in spoilt:
                self.check(summed({**entries, proof_name: canon(wrong)}), "incomplete", base=base)
        # A row less, its seal signed anew as if it had never been: only the index remembers it.
        entries = verify.read_zip((folder / "complete0.zip").read_bytes())
        rows, proofs = entries["rows.jsonl"].splitlines(True), entries["proofs.jsonl"].splitlines(True)
        for gone in range(len(rows)):
            left = [at for at in range(len(rows)) if at != gone]
            thinned = {**entries, "rows.jsonl": b"".join(rows[at] for at in left), "proofs.jsonl": b"".join(proofs[at] for at in left)}
            bundle = json.loads(entries["seals/%s.json" % made])
            maker.seal_rows(bundle, [rows[at].rstrip(b"\n") for at in left], KEY)
            self.check(summed({**thinned, "seals/%s.json" % made: canon(bundle)}), "incomplete", base=base)

    def test_a_newcomer_follows_the_page_inside(self):
        """Every command of the page, as it stands there, with nothing else at hand."""
        made = made_seal()
        binary("anchor", "add", made, "--local")
        place = folder / "newcomer"
        place.mkdir()
        binary("export", made, "-o", "newcomer/seal.vmb")
        (place / "root.pem").write_text(ROOT)
        page = verify.read_zip((place / "seal.vmb").read_bytes())["VERIFY.txt"].decode()
        commands = [line.strip() for line in page.splitlines() if line.startswith("     ")]
        self.assertEqual(len(commands), 4)

        def follow(command, here):
            words = command.replace("KEY", VKEY).replace("SEAL", made).replace("FILE", "0").replace("root.pem", str(place / "root.pem"))
            return subprocess.run(["bash", "-c", words], cwd=here, capture_output=True, text=True)
        unpack, check, stamp, row = commands
        self.assertEqual(follow(unpack, place).returncode, 0)
        said = follow(check, place)
        self.assertEqual((said.returncode, said.stdout), (0, "verified\n"), said)
        said = follow(stamp, place / "seal")
        self.assertIn("Verification: OK", said.stdout + said.stderr)
        found = follow(row, place / "seal").stdout.split()[0]
        first = (place / "seal" / "rows.jsonl").read_bytes().split(b"\n")[0]
        self.assertEqual(found, maker.leaf(first).hex())
        # The same with one row less, and the sums made anew as anybody can.
        entries = verify.read_zip((place / "seal.vmb").read_bytes())
        thinned = {**entries, **{name: b"".join(entries[name].splitlines(True)[1:]) for name in ("rows.jsonl", "proofs.jsonl")}}
        (place / "seal.vmb").write_bytes(pack(summed(thinned)))
        said = follow(check, place)
        self.assertEqual(said.returncode, 1)
        self.assertIn("incomplete", said.stdout)

    def test_scrolls_cannot_be_checked(self):
        binary("scroll", "append", "console", "--event", '{"op":"start"}')
        binary("export", made_seal(), "-o", "scroll.zip")
        self.check((folder / "scroll.zip").read_bytes(), "evidence-unreadable", base={"seal-unanchored"})

    # The archive

    def test_no_archive(self):
        data = pack(PLAIN)
        for altered in (b"", b"no archive", data[:-1], data[:-30], data[1:], data + b"\0", b"\0" + data, data[:100] + data[101:]):
            self.check(altered, None)

    def test_every_header_byte(self):
        """Nothing hides in the headers: no bit of them can change."""
        data = bytearray(pack(without("VERIFY.txt")))
        contents = [(data.index(content), len(content)) for content in without("VERIFY.txt").values()]
        for at in range(len(data)):
            if not any(begin <= at < begin + length for begin, length in contents):
                data[at] ^= 1
                self.assertIsNone(answer(bytes(data), VKEY), at)
                data[at] ^= 1

    def test_every_byte_of_the_content(self):
        data = bytearray(pack(PLAIN))
        for at in range(0, len(data), 7):
            data[at] ^= 4
            self.assertIsNone(answer(bytes(data), VKEY), at)
            data[at] ^= 4

    def test_names(self):
        for name in ("../x", "/x", "a/../x", "a//b", "./x", "a/.", "a\\b", "c:x", "a\nb", "", "a/"):
            self.check(pack({**PLAIN, name: b"x"}), None)

    def test_entries_that_stand_twice(self):
        names = [*PLAIN, "rows.jsonl"]
        self.check(pack(PLAIN, names), None)

    def test_entries_in_another_order(self):
        self.check(pack(PLAIN, list(PLAIN)[::-1]), None)

    def test_compressed(self):
        import io
        import zipfile
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", method) as archive:
                for name, data in PLAIN.items():
                    archive.writestr(name, data)
            self.check(file.getvalue(), None)

    def test_entries_that_are_not_there(self):
        for name in ("manifest.json", "rows.jsonl", "proofs.jsonl", bundle_path()):
            self.check(without(name), None)
        self.check(pack({name: data for name, data in PLAIN.items() if name != "SHA256SUMS"}), None)
        self.check(without("VERIFY.txt"))
        self.check(without("rows.jsonl", "proofs.jsonl"), "evidence-unreadable")

    def test_foreign_entries(self):
        """Nothing is skipped."""
        for name in ("foo.txt", "ledger.db", "seals/%s.json" % uuid(1), "artifacts/00/00"):
            self.check(summed({**PLAIN, name: b"x"}), "format-unknown")

    def test_sums(self):
        for change in (PLAIN["SHA256SUMS"][:-1], PLAIN["SHA256SUMS"] + b"\n", b"", PLAIN["SHA256SUMS"].upper(),
                       b"".join(PLAIN["SHA256SUMS"].splitlines(True)[::-1])):
            self.check({**PLAIN, "SHA256SUMS": change}, "artifact-altered", base=())
        for name in PLAIN:
            if name != "SHA256SUMS":
                self.check({**PLAIN, name: PLAIN[name] + b" "}, "artifact-altered", base=())
        self.check({**PLAIN, "more": b""}, "artifact-altered", base=())

    def test_manifest(self):
        own = json.loads(PLAIN["manifest.json"])
        other = own["ledger"][:-1] + ("0" if own["ledger"][-1] != "0" else "1")
        for change in ({"format": None}, {"ledger": other}, {"seal_id": uuid(1)}, {"scope": "vault"}, {"scope": "all"}, {"size": "9"},
                       {"size": None}, {"key": own["key"][:-1] + "A"}, {"key": None}, {"more": 1}, {"seal_id": None}):
            self.check(summed({**PLAIN, "manifest.json": canon({**own, **change})}), None)
        self.check(summed({**PLAIN, "manifest.json": PLAIN["manifest.json"] + b"\n"}), None)
        unknown = summed({**PLAIN, "manifest.json": canon({**own, "format": "vm-export-v1"})})
        self.check(unknown, "format-unknown", base=())

    def test_the_export_of_a_vault(self):
        binary("export", "-o", "vault.zip")
        self.assertIsNone(answer((folder / "vault.zip").read_bytes(), VKEY))

    # Coverage

    def test_coverage(self):
        own = json.loads(PLAIN["coverage.json"])
        self.check(without("coverage.json"), "coverage-missing")
        blind = {"gaps": None, "observers": None, "not_covered": sorted([*own["not_covered"], "contents"])}
        claims = own["claims"]
        for change in ({"as_of": own["as_of"] + 1}, {"asked": None}, {"rows": {**own["rows"], "mcp_calls": 9}}, {"rows": {}},
                       {"scrolls": [{"engine": "a", "lines": 1}]}, {"observers": []}, {"gaps": None}, {"not_covered": []}, blind,
                       {"gaps": {**own["gaps"], "no_answer": {"count": 0, "first": []}}}, {"more": 1}, {"format": 7},
                       {"claims": None}, {"claims": {**claims, "log_size": "9"}}, {"claims": {**claims, "more": 1}},
                       {"claims": {**claims, "unsigned_lines": [{"engine": "a"}]}}):
            self.check(summed({**PLAIN, "coverage.json": canon({**own, **change})}), "coverage-altered")
        self.check(summed({**PLAIN, "coverage.json": PLAIN["coverage.json"] + b" "}), "coverage-altered")
        self.check(summed({**PLAIN, "coverage.json": canon({**own, "format": "vm-coverage-v1"})}), "format-unknown")
        # What nothing bears out can be anything.
        for lines in ([], [{"engine": "a", "lines": 3}]):
            self.check(summed({**PLAIN, "coverage.json": canon({**own, "claims": {"log_size": 99, "unsigned_lines": lines}})}))

    # Rows and proofs

    def test_rows(self):
        count = len(lines("rows.jsonl"))
        every = range(count)
        for gone in every:
            rest = [at for at in every if at != gone]
            self.check(with_rows(rest), "seal-altered")
            self.check(with_rows(rest, every), "seal-altered", "root-mismatch")
            self.check(with_rows(every, rest), "root-mismatch")
        self.check(with_rows([1, 0, *range(2, count)]))
        self.check(with_rows([1, 0, *range(2, count)], every), "root-mismatch")
        self.check(with_rows([*every, 0]), "row-inserted", "seal-altered")
        self.check(with_rows([*every, 0], every), "row-inserted", "seal-altered", "root-mismatch")
        self.check(with_rows([]), "seal-altered")

    def test_a_row_that_changed(self):
        for old, new in ((b"grep", b"grex"), (b'"schema":3', b'"schema":2'), (b'"status":"ok"', b'"status":null')):
            self.check(replaced("rows.jsonl", old, new), "seal-altered", "root-mismatch")

    def test_a_row_that_is_none(self):
        for old, new in ((b'"phase":"complete"', b'"phase":1'), (b'"phase"', b'"phasf"'), (b'"corrects_id":null,', b""),
                         (b'"table":"tool', b'"table":"fool'), (b',"schema"', b', "schema"'), (b'"format"', b'"formas"'),
                         (b'"ts":"20', b'"ts":"x0'), (b'"duration_us":null', b'"duration_us":1.5'), (b"vm-row-v0", b"vm-row"),
                         (b'"intent_id":null', b'"intent_id":"0"'), (b'{"format', b'["format')):
            expected = {"row-altered", "seal-altered", "root-mismatch"}
            found = answer(pack(replaced("rows.jsonl", old, new)), VKEY)
            if old == b"vm-row-v0":
                expected = expected - {"row-altered"} | {"format-unknown"}
            self.assertIn("seal-altered", self.by_binary(pack(replaced("rows.jsonl", old, new)), VKEY, None))
            self.assertEqual(found - {"root-mismatch"}, (expected | OPEN | {"seal-unanchored"}) - {"root-mismatch"}, (old, new))

    def test_rows_that_were_logged_as_they_are(self):
        """The holder of the key can log anything; what is no row of its table is none here."""
        faults = [{"duration_us": 1.5}, {"more": 1}, {"tool": None}, {"tool": 1}, {"intent_id": "0"}, {"intent_id": "AB"},
                  {"id": "00" * 15}, {"capability_hash": 1}, {"meta_json": {}}]
        fine = [{"intent_id": "ab"}, {"duration_us": -5}, {"meta_json": "no JSON"}, {"id": "00" * 16}, {"status": None},
                {"ts": "0001-01-01T00:00:00.000000Z"}, {"ts": "9999-12-30T21:59:59.999999Z"}]
        times = ["2026-01-02T03:04:05Z", "2026-02-30T03:04:05.000000Z", "2026-01-02T03:04:60.000000Z",
                 "9999-12-30T22:00:00.000000Z", "0000-01-01T00:00:00.000000Z", "2026-01-02t03:04:05.000000z"]
        key = maker.Key()
        for columns in [*faults, *fine, *({"ts": text} for text in times)]:
            log = maker.Log(key)
            log.add("tool_invocations", 1, uuid(7), **columns)
            entries = maker.export(log, maker.seal(log, window()))
            # A time that is none makes bounds that are none.
            codes = ["row-altered", "seal-altered"] if columns in faults else [None] if columns not in fine else []
            with self.subTest(columns=columns):
                self.check(entries, *codes, key=log.vkey)
        log = maker.Log(key)
        log.add("shadow_receipts", 1, uuid(7))
        log.rows[1] = log.rows[1].replace(b'"schema":3', b'"schema":2')
        self.check(maker.export(log, maker.seal(log, window())), "row-altered", "seal-altered", key=log.vkey)
        log = maker.Log(key)
        log.add("tool_invocations", 1, uuid(7) + "00")
        self.check(maker.export(log, maker.seal(log, window())), "row-altered", "seal-altered", key=log.vkey)

    def test_a_genesis_of_another_key(self):
        for key in (maker.Key(), maker.Key()):
            log = maker.Log(key)
            log.key, log.vkey = KEY, KEY.vkey(log.name)
            # Whoever pins the key that signed has heard of a change from elsewhere; who does not has to see it proven.
            self.check(maker.export(log, maker.seal(log, window())), key=log.vkey)

    def test_a_genesis_of_another_ledger(self):
        log = maker.Log(KEY)
        log.ledger = "00" * 32
        log.name = "vaultmesh/" + log.ledger
        log.vkey = KEY.vkey(log.name)
        self.check(maker.export(log, maker.seal(log, window())), "genesis-invalid", key=log.vkey)

    def test_lines(self):
        for name in ("rows.jsonl", "proofs.jsonl"):
            self.check(summed({**PLAIN, name: PLAIN[name][:-1]}), None)
        self.check(summed({**PLAIN, "rows.jsonl": PLAIN["rows.jsonl"] + b"\n"}), "row-altered", "root-mismatch")
        for line in (b"\n", b"x\n", b"[]\n", b"{}\n", b'{"index":-1,"path":[]}\n', b'{"index":0,"path":[],"x":0}\n'):
            entries = summed({**PLAIN, "proofs.jsonl": line + b"".join(lines("proofs.jsonl")[1:])})
            self.check(entries, "root-mismatch", or_refused=True)

    def test_proofs(self):
        own = [json.loads(line) for line in lines("proofs.jsonl")]
        for change in ({"index": own[0]["index"] + 1}, {"index": 10 ** 6}, {"path": own[0]["path"][1:]}, {"path": []},
                       {"path": own[0]["path"][::-1]}, {"path": own[0]["path"] + ["00" * 32]}, {"path": own[1]["path"]}):
            made = canon({**own[0], **change}) + b"\n" + b"".join(lines("proofs.jsonl")[1:])
            self.check(summed({**PLAIN, "proofs.jsonl": made}), "root-mismatch")

    # The seal

    def test_members_signed_anew(self):
        for name, change, codes in (
                ("schema_version", 4, ["format-unknown"]), ("leaves", 1, ["seal-altered"]), ("leaves", 99, ["seal-altered"]),
                ("set_root", "00" * 32, ["seal-altered"]), ("as_of", 99, ["seal-altered"]), ("as_of", 1, ["seal-altered"]),
                ("bounds", {"max_ts": None, "min_ts": None}, ["seal-altered"]),
                ("bounds", {"max_ts": moment(0), "min_ts": moment(0)}, ["seal-altered"]),
                ("scrolls", [{"engine": "a", "root": "00" * 32, "size": 3}], ["evidence-unreadable", "coverage-altered"]),
                ("selection", window(kinds=["mcp_calls"]), ["seal-altered", "row-altered"]),
                ("selection", window(until=moment(0)), ["seal-altered", "row-altered"]),
                ("selection", maker.traces(uuid(1)), ["seal-altered", "row-altered"])):
            with self.subTest(name=name, change=change):
                self.check(with_seal(members(**{name: change})), *codes)

    def test_schemas(self):
        """The number decides; the name of the migration is for people."""
        for change, codes in (({"schema_version": 0}, ["format-unknown"]), ({"schema_version": 4}, ["format-unknown"]),
                              ({"schema_version": 2}, []), ({"schema_last_migration": "0003_other.sql"}, [])):
            self.check(with_seal(members(**change)), *codes)

    def test_malformed_seals(self):
        for name, change in (
                ("format", None), ("bounds", None), ("bounds", {}), ("canonicalization", "x"), ("digest_algo", "sha512"), ("sealed_at", "x"),
                ("inputs", {}), ("selection", {}), ("selection", window(since=moment(1), until=moment(1))), ("more", 1),
                ("selection", window(kinds=["mcp_calls", "tool_invocations"])), ("selection", window(kinds=[])),
                ("seal_id", SEAL.upper()), ("seal_id", uuid(1)), ("leaves", -1), ("leaves", "8"), ("set_root", "00"),
                ("selection", {**maker.traces(uuid(1)), "trace_ids": []}), ("scrolls", None), ("as_of", None),
                ("scrolls", [{"engine": "a", "root": "00" * 32, "size": 3}] * 2),
                ("selection", {**window(), "trace_ids": [maker.dashed(uuid(1))]}), ("selection", {**window(), "scope": "all"}),
                ("selection", {**maker.traces(uuid(1)), "since": moment(1)}), ("selection", {**maker.traces(uuid(1)), "until": moment(1)}),
                ("selection", {**maker.traces(uuid(1)), "trace_ids": [uuid(1)]}),
                ("selection", {**maker.traces(uuid(1)), "trace_ids": [maker.dashed(uuid(at)) for at in (2, 1)]}),
                ("selection", {**maker.traces(uuid(1)), "trace_ids": [maker.dashed(uuid(1))] * 2}),
                ("inputs", {"receipt_roots": ["x"] * 17, "sqlite_db_path": None}),
                ("scrolls", [{"engine": "e%04d" % at, "root": "00" * 32, "size": 3} for at in range(1025)])):
            with self.subTest(name=name, change=change):
                self.check(with_seal(members(**{name: change})), None)
        self.check(summed({**PLAIN, bundle_path(): PLAIN[bundle_path()] + b"\n"}), None)
        unknown = with_seal(members(format="vm-ouroboros-seal-v1"))
        self.check(unknown, "format-unknown", base=(), binary_too=False)

    def test_not_signed_anew(self):
        for change in ({"sealed_at": moment(7)}, {"as_of": 7}, {"inputs": {"receipt_roots": [], "sqlite_db_path": None}}):
            found = answer(pack(with_seal(members(**change), sign=False)), VKEY)
            self.assertEqual(found, OPEN | {"seal-unanchored", "seal-altered"})

    def test_digest(self):
        self.check(with_seal(members(digest={"algorithm": "sha256", "hex": "00" * 32}), digest=False), "seal-altered")

    def test_statement(self):
        own = json.loads(PLAIN[bundle_path()])["statement"]
        other, name = maker.Key(), VKEY.split("+")[0]
        text = own.split("\n\n")[0] + "\n"
        line = own.split("\n\n")[1]
        for statement in (own[:-6] + "AAA=\n", other.note(name, text), text + "\n" + line + line,
                          KEY.note(name, text.replace("v0", "v1")), KEY.note(name, text + "more\n"),
                          KEY.note(name, text.replace(SEAL, uuid(1)))):
            self.check(with_seal(members(statement=statement), sign=False), "seal-altered", or_refused=True)

    def test_checkpoint(self):
        own = json.loads(PLAIN[bundle_path()])["checkpoint"]
        other, name = maker.Key(), VKEY.split("+")[0]
        text = own.split("\n\n")[0] + "\n"
        for checkpoint, codes in ((own[:-6] + "AAA=\n", ["checkpoint-invalid"]), (other.note(name, text), ["checkpoint-invalid"]),
                                  (KEY.note(name, text + "more\n"), ["checkpoint-invalid"])):
            found = answer(pack(with_seal(members(checkpoint=checkpoint))), VKEY)
            self.assertEqual(found, {*OPEN, "seal-unanchored", *codes})
        for checkpoint in (own + other.note("elsewhere", text).split("\n\n")[1],
                           text + "\n" + other.note(name, text).split("\n\n")[1] + own.split("\n\n")[1]):
            self.check(with_seal(members(checkpoint=checkpoint)))
        size = text.split("\n")
        smaller = KEY.note(name, "\n".join([size[0], str(int(size[1]) - 1), *size[2:]]))
        found = answer(pack(with_seal(members(checkpoint=smaller))), VKEY)
        self.assertLessEqual({"seal-altered", "root-mismatch"}, found)

    def test_signatures(self):
        """Well-formed ones that do not hold, of statement and of checkpoint."""
        order = 2 ** 252 + 27742317777372353535851937790883648493

        class Over(maker.Key):
            def sign(self, text):
                return super().sign(text + "x")

        class Flipped(maker.Key):
            def sign(self, text):
                signature = super().sign(text)
                return signature[:9] + bytes([signature[9] ^ 1]) + signature[10:]

        class Longer(maker.Key):
            def sign(self, text):
                return super().sign(text) + b"\0"

        class Scalar(maker.Key):
            """The other scalar of the same signature, which only loose rules take."""
            def sign(self, text):
                signature = super().sign(text)
                return signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")

        class SmallOrder(maker.Key):
            """A signature whose point is the neutral one: the equation holds, and the strict rules refuse it."""
            def sign(self, text):
                digest = bytearray(hashlib.sha512(self.seed).digest()[:32])
                digest[0], digest[31] = digest[0] & 248, digest[31] & 63 | 64
                point = (1).to_bytes(32, "little")
                challenge = int.from_bytes(hashlib.sha512(point + self.public + text.encode()).digest(), "little")
                scalar = challenge * int.from_bytes(digest, "little") % order
                return point + scalar.to_bytes(32, "little")

        own = json.loads(PLAIN[bundle_path()])
        name = VKEY.split("+")[0]
        for kind in (Over, Flipped, Longer, Scalar, SmallOrder):
            bad = kind(KEY.seed)
            with self.subTest(kind=kind.__name__):
                statement = bad.note(name, own["statement"].split("\n\n")[0] + "\n")
                self.check(with_seal(members(statement=statement), sign=False), "seal-altered", or_refused=kind is Longer)
                checkpoint = bad.note(name, own["checkpoint"].split("\n\n")[0] + "\n")
                entries = with_seal(members(checkpoint=checkpoint))
                self.assertEqual(answer(pack(entries), VKEY), OPEN | {"seal-unanchored", "checkpoint-invalid"})
                self.assertIn(self.by_binary(pack(entries), VKEY, None), (OPEN | {"seal-unanchored", "checkpoint-invalid"}, None))
        said = maker.run("pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in text -sigfile signature", text=b"x",
                         key=bytes.fromhex("302a300506032b6570032100") + KEY.public, signature=SmallOrder(KEY.seed).sign("x"))
        self.assertIn(b"Verified", said)

    def test_other_keys(self):
        other, name = maker.Key(), VKEY.split("+")[0]
        self.check(PLAIN, "key-change-unproven", key=other.vkey(name))
        self.check(PLAIN, "seal-altered", key=other.vkey("vaultmesh/" + "00" * 32))

    def test_all_signed_by_another_key(self):
        """The genesis names the log's key; who signs by another one has to prove that it came in its place."""
        other, name = maker.Key(), VKEY.split("+")[0]
        bundle = json.loads(PLAIN[bundle_path()])
        text = bundle["checkpoint"].split("\n\n")[0] + "\n"
        bundle.update(signer=other.vkey(name), checkpoint=other.note(name, text))
        manifest = {**json.loads(PLAIN["manifest.json"]), "key": other.vkey(name)}
        entries = summed({**PLAIN, "manifest.json": canon(manifest), bundle_path(): canon(maker.sign_seal(bundle, other))})
        for key in ("", VKEY):
            self.assertLessEqual({"key-change-unproven"}, answer(pack(entries), key))

    def test_a_key_of_small_order(self):
        """Under it anybody's signature holds, by loose rules."""
        name = VKEY.split("+")[0]
        for point in ("00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "01" + "00" * 30 + "80",
                      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"):
            key = maker.Key()
            key.public = bytes.fromhex(point)
            with self.assertRaises(ValueError):
                verify.read_key(key.vkey(name))

    # Anchors

    def anchored(self, *tokens):
        return summed({**PLAIN, **{"anchors/%s/%d.tst" % (SEAL, at): token for at, token in enumerate(tokens)}})

    def test_anchors(self):
        own = ANCHORED["anchors/%s/0.tst" % SEAL]
        trusted = {"roots": ROOT.encode()}
        flipped = own[:-3] + bytes([own[-3] ^ 1]) + own[-2:]
        for bad in (b"", b"x", own[:-1], own + b"\0", flipped):
            self.check(self.anchored(bad), "anchor-invalid")
            self.check(self.anchored(bad), "anchor-invalid", **trusted)
            self.check(self.anchored(own, bad), "anchor-invalid", base=OPEN, **trusted)
        self.check(self.anchored(own), "no-trust-root")
        self.check(self.anchored(own), base=OPEN, **trusted)
        self.check(self.anchored(own, own), base=OPEN, **trusted)

    def test_every_bit_of_a_token(self):
        """No change makes another anchor; where nobody signs what changed, the anchor may stand."""
        own = ANCHORED["anchors/%s/0.tst" % SEAL]
        for at in range(0, len(own), 23):
            altered = own[:at] + bytes([own[at] ^ 1]) + own[at + 1:]
            found = answer(pack(self.anchored(altered)), VKEY, ROOT.encode())
            self.assertTrue(found == OPEN or "seal-unanchored" in found, at)

    def test_tokens_over_another_file(self):
        for digest in ("sha256", "sha384", "sha512"):
            data = pack(self.anchored(AUTHORITY.stamp(b"other", digest)))
            self.assertEqual(answer(data, VKEY), OPEN | {"seal-unanchored", "anchor-invalid"})

    def test_an_authority_of_openssl(self):
        bundle = PLAIN[bundle_path()]
        for digest in ("sha256", "sha384", "sha512"):
            token = AUTHORITY.stamp(bundle, digest)
            self.assertEqual(answer(pack(self.anchored(token)), VKEY, AUTHORITY.root), OPEN)
            # The binary hands no more than the SHA-256 of the seal to its check of a token.
            self.check(self.anchored(token), "no-trust-root", binary_too=digest == "sha256")
            self.check(self.anchored(token), "no-trust-root", roots=ROOT.encode(), binary_too=digest == "sha256")
        bare = AUTHORITY.stamp(bundle, certificates="")
        self.check(self.anchored(bare), "evidence-unreadable")
        self.check(self.anchored(bare), "evidence-unreadable", roots=ROOT.encode())

    def test_tokens_that_are_signed_and_yet_not_sound(self):
        bundle = PLAIN[bundle_path()]
        token = AUTHORITY.stamp(bundle)
        with unittest.mock.patch.object(verify.time, "time", lambda: 10 ** 9):
            self.assertEqual(answer(pack(self.anchored(token)), VKEY, AUTHORITY.root), OPEN | {"seal-unanchored", "anchor-invalid"})
        (folder / "unsound").mkdir()
        unsound = maker.Authority(str(folder / "unsound"), sound=False)
        token = unsound.stamp(bundle)
        self.assertEqual(answer(pack(self.anchored(token)), VKEY, unsound.root), OPEN | {"seal-unanchored", "anchor-invalid"})

    # The command

    def run_it(self, *words, path=None):
        environment = {**os.environ, **({"PATH": path} if path else {})}
        said = subprocess.run([sys.executable, str(VERIFIER), *words], cwd=folder, capture_output=True, text=True, env=environment)
        return said.returncode, said.stdout + said.stderr

    def verified(self):
        """An export of which every part is there: made up, with a completeness proof and an anchor."""
        log = maker.Log(maker.Key())
        log.add("tool_invocations", 1, uuid(7))
        log.add_index()
        bundle = maker.seal(log, window())
        proof = maker.prove(log, {"selection": window()}, entries=False)
        token = AUTHORITY.stamp(canon(bundle))
        (folder / "other.pem").write_bytes(AUTHORITY.root)
        return log, pack(maker.export(log, bundle, proof, anchors=[token]))

    def test_exit_codes(self):
        log, data = self.verified()
        (folder / "whole.zip").write_bytes(data)
        self.assertEqual(self.run_it("whole.zip", "--key", log.vkey, "--ca", "other.pem"), (0, "verified\n"))
        self.assertEqual(self.run_it("whole.zip", "--ca", "other.pem")[0], 3)
        self.assertEqual(self.run_it("whole.zip", "--key", log.vkey)[0], 3)
        self.assertEqual(self.run_it("whole.zip", "--key", log.vkey, "--ca", "root.pem")[0], 3)
        self.assertEqual(self.run_it("whole.zip", "--key", VKEY, "--ca", "other.pem")[0], 1)
        (folder / "cut.zip").write_bytes(data[:-1])
        for words in (("cut.zip",), ("nowhere.zip",), (), ("whole.zip", "--key", "x"), ("whole.zip", "--more"),
                      ("whole.zip", "--ca", "nowhere.pem")):
            self.assertEqual(self.run_it(*words)[0], 2, words)
        self.assertEqual(self.run_it("--help")[0], 0)
        code, text = self.run_it("whole.zip", "--json")
        self.assertEqual((code, json.loads(text)["verdict"]), (3, "undecided"))

    def test_a_proof_by_itself(self):
        log = maker.Log(maker.Key())
        log.add("tool_invocations", 1, uuid(7))
        log.add_index()
        proof = maker.prove(log, {"term": {"column": "horizon_id", "value": "deploy"}})
        (folder / "proof.json").write_bytes(canon(proof))
        self.assertEqual(self.run_it("proof.json", "--key", log.vkey)[0], 0)
        self.assertEqual(self.run_it("proof.json")[0], 3)
        self.assertEqual(self.run_it("proof.json", "--key", VKEY)[0], 1)
        (folder / "proof.json").write_bytes(canon({**proof, "entries": None}))
        self.assertEqual(self.run_it("proof.json", "--key", log.vkey)[0], 3)
        (folder / "proof.json").write_bytes(canon({**proof, "ranges": []}))
        self.assertEqual(self.run_it("proof.json", "--key", log.vkey)[0], 1)

    def test_without_openssl(self):
        """What cannot be checked is no pass, and no contradiction."""
        log, data = self.verified()
        (folder / "whole.zip").write_bytes(data)
        code, text = self.run_it("whole.zip", "--key", log.vkey, "--ca", "other.pem", "--json", path=str(folder / "nothing"))
        self.assertEqual(code, 3)
        self.assertEqual({one["severity"] for one in json.loads(text)["findings"]}, {"undecided"})


class Samples(unittest.TestCase):
    """What docs/spec prints, and what an auditor has to read."""

    def test_length(self):
        text = VERIFIER.read_text()
        docs = [node.body[0] for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
                and ast.get_docstring(node) is not None]
        told = {at for node in docs for at in range(node.lineno, node.end_lineno + 1)}
        code = [line for at, line in enumerate(text.splitlines(), 1) if line.strip() and line.strip()[0] != "#" and at not in told]
        self.assertLess(len(code), 400)
        self.assertLessEqual(max(map(len, text.splitlines())), 120)

    def test_canonical_numbers(self):
        for text in ("0", "-1", "1e+21", "100000000000000000000", "0.000001", "1e-7", "123.456", "-0.5", "5e-324", "1.5e+300",
                     "9007199254740994", "333333333.3333333", "1.7976931348623157e+308", "295147905179352830000", "4.5e-7"):
            self.assertEqual(verify.written(json.loads(text)), text)

    def test_what_is_not_canonical(self):
        nested = "[" * 200 + "]" * 200
        deep = "[" * 100000 + "]" * 100000
        for text in ("1.0", "-0", "-0.0", "1e21", "1E+21", "9007199254740993", "1e400", "-1e400", "NaN", "Infinity", '"\\ud83d"',
                     '"\\u00e9"', '"\\/"', '"\\u000a"', "1 ", "18446744073709551615", nested, deep, "1" * 5000):
            with self.assertRaises(verify.FAULTS):
                verify.read_json(b'{"a":' + text.encode() + b"}", 10 ** 6, "a")
        for text in ('{"a":1,"a":1}', '{"b":1,"a":1}', '{"a": 1}', "\ufeff{}", "", "[]", "1", '{"\ufb33":1,"\U0001f602":1}'):
            with self.assertRaises(verify.FAULTS):
                verify.read_json(text.encode(), 10 ** 6, "a")
        self.assertEqual(verify.written({"\ufb33": 1, "\U0001f602": "\x7f\x1f\b"}), '{"\U0001f602":"\x7f\\u001f\\b","\ufb33":1}')
        levels = "[" * 127 + "]" * 127
        self.assertTrue(verify.read_json(b'{"a":' + levels.encode() + b"}", 10 ** 6, "a"))
        with self.assertRaises(ValueError):
            verify.read_json(b'{"a":[' + levels.encode() + b"]}", 10 ** 6, "a")

    def page(self, name):
        return (VERIFIER.parent / "spec" / name).read_text()

    def test_range_proof(self):
        page = self.page("range-proof.md")
        proof = json.loads(page.split("```json\n")[1].split("\n")[0])
        leaves = [verify.sha256(b"\0" + place.to_bytes(8, "big")) for place in (3, 4)]
        self.assertTrue(all(one.hex() in page for one in leaves))
        top = verify.range_root(3, 8, leaves, verify.read_hashes(proof["left"]), verify.read_hashes(proof["right"]))
        self.assertIn("root  " + top.hex(), page)

    def test_row_proof(self):
        proof = json.loads(self.page("row-proof.md").split("```json\n")[1].split("```")[0])
        row = verify.Row(proof["leaf_data"].encode())
        top = verify.inclusion_root(row.leaf, proof["index"], proof["size"], verify.read_hashes(proof["path"]))
        key = self.page("trust.md").split('key = "')[1].split('"')[0]
        self.assertEqual(verify.read_checkpoint(proof["checkpoint"], verify.read_key(key)), (proof["size"], top))

    def test_seal(self):
        data = self.page("seal-bundle.md").split("```json\n")[1].split("\n")[0].encode()
        seal = verify.read_seal(data)
        verify.check_statement(seal, verify.read_key(seal["signer"]))
        self.assertEqual(verify.read_checkpoint(seal["checkpoint"], verify.read_key(seal["signer"]))[0], seal["as_of"])

    def test_rows(self):
        row = self.page("row-leaf.md")
        data = row.split("```json\n")[1].split("\n")[0].encode()
        self.assertIn(verify.Row(data).leaf.hex(), row)
        verify.Row(self.page("shadow-receipt.md").split("```json\n")[1].split("\n")[0].encode())

    def test_keys(self):
        key = maker.Key()
        name = "vaultmesh/" + "ab" * 32
        good = key.vkey(name)
        self.assertEqual(verify.read_key(good), (name, key.hash(name), key.public))
        other = "%s+%s+%s" % (name, key.hash("vaultmesh/" + "00" * 32).hex(), good.split("+", 2)[2])
        typed = sha256(name.encode() + b"\n\2" + key.public)[:4].hex()
        second = "%s+%s+%s" % (name, typed, maker.base64.b64encode(b"\2" + key.public).decode())
        scroll = key.vkey(name + "/console")
        for bad in (other, second, scroll, good[:-1], good + "A", good.replace("+", "-"), good.upper(), "", key.vkey("x")):
            with self.assertRaises(verify.FAULTS):
                verify.read_key(bad)

    def test_notes(self):
        log = maker.Log(maker.Key())
        key, good = verify.read_key(log.vkey), log.checkpoint()
        text, line = good.split("\n\n")
        self.assertEqual(verify.read_checkpoint(good, key), (1, maker.root([maker.leaf(log.rows[0])])))
        other = maker.Key().note("elsewhere", text + "\n").split("\n\n")[1]
        self.assertTrue(verify.read_checkpoint(good + 99 * other, key))
        spoilt = log.key.note(log.name, text + "\nx\n").split("\n\n")[1]
        for bad in (good[:-1], good + "\n", good + 100 * other, good + spoilt, spoilt + good, text + "\n\n", text, "", other,
                    text + "\n" + line, good.replace("— ", "- "), good.replace("— ", "—"), good + "x\n", good + "— x AAAA\n",
                    good + "— x AAAAAAAA= \n", good + "— x AAAAAAA=\n".replace("AAA=", "AAB="), good.replace("\n1\n", "\n2\n"),
                    good + other[:-1] + " x\n"):
            with self.assertRaises(ValueError, msg=bad):
                verify.read_checkpoint(bad, key)
        for lines in ("%s\n01\n%s\n", "%s\n+1\n%s\n", "%s\n1\n%s\nmore\n", "%s\n1\n", "%s/x\n1\n%s\n", "%s\n1 \n%s\n", "%s\n0\n%s\n"):
            made = lines % (log.name, text.split("\n")[2]) if lines.count("%s") == 2 else lines % log.name
            with self.assertRaises(ValueError, msg=lines):
                verify.read_checkpoint(log.key.note(log.name, made), key)
        for root in ("", "AAAA", text.split("\n")[2][:-1], text.split("\n")[2] + "="):
            with self.assertRaises(ValueError):
                verify.read_checkpoint(log.key.note(log.name, "%s\n1\n%s\n" % (log.name, root)), key)
        with self.assertRaises(ValueError):
            verify.read_note(log.key.note(log.name, "x" * 70000 + "\n"), key)
        self.assertEqual(verify.read_note(log.key.note(log.name, "x\n\ny\n"), key), ["x", "", "y"])

    def test_limits(self):
        with self.assertRaises(ValueError):
            verify.read_json(b'{"a":1}', 6, "a")
        self.assertEqual(verify.read_json(b'{"a":1}', 7, "a"), {"a": 1})

    def test_paths_that_do_not_fit(self):
        for size in range(1, 12):
            leaves = [sha256(bytes([place])) for place in range(size)]
            for place in range(size):
                path = maker.inclusion(leaves, place)
                for bad in (path + [leaves[0]], [leaves[0]] + path, path[1:], path[:-1]):
                    if bad != path:
                        with self.assertRaises(ValueError):
                            verify.inclusion_root(leaves[place], place, size, bad)
                with self.assertRaises(ValueError):
                    verify.inclusion_root(leaves[place], place + size, size, path)
                for end in range(place + 1, size + 1):
                    left, right = maker.sides(leaves, place, end)
                    run = leaves[place:end]
                    for bad in ((run, left + run[:1], right), (run, left, right + run[:1]), (run, left[1:], right),
                                (run, left, right[1:]), (run + run[:1], left, right), (run[1:], left, right)):
                        if bad != (run, left, right):
                            try:
                                self.assertNotEqual(verify.range_root(place, size, *bad), maker.root(leaves))
                            except ValueError:
                                pass
        for size in (1, 5):
            with self.assertRaises(ValueError):
                verify.range_root(0, size, [], [], [maker.root(leaves[:size])])
        with self.assertRaises(ValueError):
            verify.range_root(0, 0, [], [sha256(b"")], [])

    def test_paths_of_all_sizes(self):
        for size in range(1, 20):
            leaves = [sha256(bytes([place])) for place in range(size)]
            for place in range(size):
                path = maker.inclusion(leaves, place)
                self.assertEqual(verify.inclusion_root(leaves[place], place, size, path), maker.root(leaves))
                for end in range(place + 1, size + 1):
                    sides = maker.sides(leaves, place, end)
                    self.assertEqual(verify.range_root(place, size, leaves[place:end], *sides), maker.root(leaves))


if __name__ == "__main__":
    unittest.main()
