"""Completeness proofs over made-up logs: whole ones hold, and what leaves out or adds a row is `incomplete`."""
import copy
import itertools
import json
import unittest

import maker
import vectors
from common import VERIFIER, answer, verify
from maker import dashed, export, moment, pack, prove, seal, selected, traces, uuid, window

A, B, C, NONE, LAST = uuid(0xA1), uuid(0xB2), uuid(0xC3), uuid(0xD4), "f" * 32
HOLDS = {"seal-unanchored"}


def make_log(cuts=(), tail=0, empty_terms=False):
    log = maker.Log(KEY)
    first = log.add("tool_invocations", 1, A, phase="intent", status=None)
    log.add("tool_invocations", 3, A, intent_id=None if empty_terms else first, phase="outcome")
    call = log.add("mcp_calls", 2, B)
    log.add("mcp_calls", 2, B, answers_id=None if empty_terms else call, kind="response")
    log.add("proof_artifacts", 5, C, subject_id=None if empty_terms else first)
    if not empty_terms:
        log.add("shadow_receipts", 4, A, horizon_id="deploy/api")
        log.add("shadow_receipts", 8, LAST, horizon_id="deploy/api", corrects_id=first, corrects_leaf="00" * 32)
    log.add("tool_invocations", 0, LAST)
    log.add_index(cuts)
    for number in range(tail):
        log.add("tool_invocations", 6 + number, (A, B)[number % 2], intent_id=first)
    return log


KEY = maker.Key()
LOGS = {"one run": make_log(), "runs": make_log(cuts=(1, 4, 6)), "tail": make_log(cuts=(5,), tail=3),
        "no terms": make_log(cuts=(4,), empty_terms=True)}
# Nothing but the genesis, without a reference, before the index.
BARE = maker.Log(KEY)
BARE.add_index()

SELECTIONS = {
    "everything": window(), "since": window(since=moment(2)), "until": window(until=moment(2)),
    "window": window(since=moment(2), until=moment(5)), "one table": window(kinds=["mcp_calls"]),
    "two tables": window(since=moment(0), until=moment(5), kinds=["tool_invocations", "shadow_receipts"]),
    "no row": window(since=moment(-900), until=moment(-800)), "late": window(since=moment(1000)),
    "trace": traces(A), "traces": traces(A, C), "all bits": traces(LAST), "no trace": traces(NONE), "some": traces(A, NONE, LAST),
}
TERMS = {
    "intent": ("intent_id", uuid(2)), "answer": ("answers_id", uuid(4)), "subject": ("subject_id", uuid(2)),
    "horizon": ("horizon_id", "deploy/api"), "corrects": ("corrects_id", uuid(2)), "absent": ("horizon_id", "deploy"),
    "other column": ("corrects_id", uuid(4)),
}


def term_query(name):
    return {"term": dict(zip(("column", "value"), TERMS[name]))}


def verdict_of(log, proof):
    """The cards that a proof shows by itself, or the code of a finding."""
    try:
        return verify.completeness(maker.canon(proof), verify.read_key(log.vkey))[1]
    except verify.Open as gap:
        return gap.args[0]
    except verify.FAULTS:
        return "incomplete"


def matching_cards(log, query):
    order, spans = maker.asked(query)
    found = [data[-81:] for key, data in maker.tree(log.rows, 0, len(log.rows), order)
             if any(low <= key < high for low, high in spans)]
    return sorted(found)


class Whole(unittest.TestCase):
    def test_selections_by_themselves(self):
        for (name, log), (asked, selection) in itertools.product(LOGS.items(), SELECTIONS.items()):
            with self.subTest(log=name, selection=asked):
                query = {"selection": selection}
                self.assertEqual(sorted(verdict_of(log, prove(log, query))), matching_cards(log, query))

    def test_terms_by_themselves(self):
        for (name, log), asked in itertools.product(LOGS.items(), TERMS):
            with self.subTest(log=name, term=asked):
                query = term_query(asked)
                self.assertEqual(sorted(verdict_of(log, prove(log, query))), matching_cards(log, query))

    def test_absence(self):
        for log in [*LOGS.values(), BARE]:
            self.assertEqual(verdict_of(log, prove(log, term_query("absent"))), [])
            self.assertEqual(verdict_of(log, prove(log, {"selection": SELECTIONS["no trace"]})), [])

    def test_rows_at_hand_in_place_of_entries(self):
        for log, asked in itertools.product(LOGS.values(), TERMS):
            rows = []
            for place, data in enumerate(log.rows):
                rows.append(verify.Row(data))
                rows[-1].place = place
            proof = maker.canon(prove(log, term_query(asked), entries=False))
            cards = verify.completeness(proof, verify.read_key(log.vkey), rows)[1]
            self.assertEqual(sorted(cards), matching_cards(log, term_query(asked)))

    def test_neither_rows_nor_entries(self):
        log = LOGS["runs"]
        self.assertEqual(verdict_of(log, prove(log, term_query("intent"), entries=False)), "evidence-unreadable")

    def test_beside_a_seal(self):
        for (name, log), (asked, selection) in itertools.product([*LOGS.items(), ("bare", BARE)], SELECTIONS.items()):
            for entries in (False, True):
                with self.subTest(log=name, selection=asked, entries=entries):
                    bundle = seal(log, selection)
                    proof = prove(log, {"selection": selection}, entries=entries)
                    self.assertEqual(answer(pack(export(log, bundle, proof)), log.vkey), HOLDS)

    def test_blind(self):
        for (name, log), (asked, selection) in itertools.product(LOGS.items(), SELECTIONS.items()):
            with self.subTest(log=name, selection=asked):
                bundle, query = seal(log, selection), {"selection": selection}
                self.assertEqual(answer(pack(export(log, bundle, prove(log, query), blind=True)), log.vkey), HOLDS)
        without = answer(pack(export(log, bundle, prove(log, query, entries=False), blind=True)), log.vkey)
        self.assertEqual(without, HOLDS | {"evidence-unreadable"})
        none = answer(pack(export(log, bundle, blind=True)), log.vkey)
        self.assertEqual(none, HOLDS | {"evidence-unreadable", "completeness-unproven"})

    def test_traces_of_some_tables(self):
        """Matches of other tables are proven too, so the entries have to be there."""
        selection = traces(A, LAST, kinds=["shadow_receipts"])
        for log in LOGS.values():
            bundle, query = seal(log, selection), {"selection": selection}
            self.assertEqual(answer(pack(export(log, bundle, prove(log, query))), log.vkey), HOLDS)
            self.assertEqual(answer(pack(export(log, bundle, prove(log, query), blind=True)), log.vkey), HOLDS)
            short = answer(pack(export(log, bundle, prove(log, query, entries=False))), log.vkey)
            self.assertEqual(short, HOLDS | {"incomplete"})

    def test_an_older_size_of_the_log(self):
        log = copy.deepcopy(LOGS["tail"])
        size = len(log.rows)
        log.add("tool_invocations", 2, A)
        log.add_index()
        log.add("tool_invocations", 2, A)
        for length, index in ((size, size - 4), (size + 1, size - 4), (size + 2, size + 1), (size + 3, size + 1)):
            self.assertEqual(maker.index_place(log, length), index)
            for selection in (SELECTIONS["everything"], SELECTIONS["trace"]):
                bundle = seal(log, selection, length)
                proof = prove(log, {"selection": selection}, length)
                self.assertEqual(answer(pack(export(log, bundle, proof)), log.vkey), HOLDS)

    def test_an_earlier_index_among_the_rows_of_the_tail(self):
        log = copy.deepcopy(LOGS["one run"])
        log.add("mcp_calls", 2, A)
        log.add_index(cuts=(9,))
        selection = SELECTIONS["everything"]
        proof = prove(log, {"selection": selection})
        place = len(log.rows) - 3
        left, _ = maker.sides([maker.leaf(data) for data in log.rows], place, len(log.rows))
        older = json.loads(json.loads(log.rows[place])["row"]["meta_json"])["runs"]
        ranges = [maker.range_of(maker.tree(log.rows, run["from"], run["to"], "time"), *span)
                  for run in older for span in maker.asked({"selection": selection})[1]]
        proof.update(entries=None, ranges=ranges,
                     tail={"left": maker.hexes(left), "rows": [data.decode() for data in log.rows[place:]]})
        self.assertEqual(answer(pack(export(log, seal(log, selection), proof)), log.vkey), HOLDS)


class Vectors(unittest.TestCase):
    def test_vectors(self):
        """What others are to agree with is what is made here, and it holds."""
        kept = vectors.FILE.read_bytes()
        self.assertEqual(kept, maker.canon(vectors.vectors()) + b"\n")
        kept = json.loads(kept)
        for one in kept["proofs"]:
            cards = verify.completeness(maker.canon(one["proof"]), verify.read_key(kept["key"]))[1]
            self.assertEqual([card.hex() for card in sorted(cards, key=lambda card: card[41:49])], one["cards"])

    def test_samples(self):
        index, proof, log = vectors.samples()
        pages = [(VERIFIER.parent / "spec" / name).read_text() for name in ("index.md", "completeness.md")]
        self.assertIn("```json\n%s\n```" % index, pages[0])
        self.assertIn("card  " + maker.card(log.rows, 3).hex(), pages[0])
        self.assertIn("term  " + maker.term("intent_id", uuid(2)).hex(), pages[0])
        self.assertIn("```json\n%s\n```" % proof, pages[1])
        self.assertIn("\n%s\n" % log.vkey, pages[1])
        cards = verify.completeness(proof.encode(), verify.read_key(log.vkey))[1]
        self.assertEqual(cards, [maker.card(log.rows, 3)])


class LeftOut(unittest.TestCase):
    """The holder of the key seals less, or more, than matches."""

    def test_each_row(self):
        for (name, log), (asked, selection) in itertools.product(LOGS.items(), SELECTIONS.items()):
            places = selected(log, selection, len(log.rows))
            proof = prove(log, {"selection": selection}, entries=False)
            for gone in places:
                rest = [place for place in places if place != gone]
                bundle = seal(log, selection, places=rest)
                with self.subTest(log=name, selection=asked, gone=gone):
                    codes = answer(pack(export(log, bundle, proof, places=rest)), log.vkey)
                    self.assertEqual(codes, HOLDS | {"incomplete"})
                    given = prove(log, {"selection": selection})
                    self.assertEqual(answer(pack(export(log, bundle, given, places=rest)), log.vkey), codes)
                    self.assertEqual(answer(pack(export(log, bundle, given, blind=True)), log.vkey), codes)

    def test_each_row_with_ranges_that_fit_what_is_left(self):
        """Counts, neighbours and hashes follow the row that went; the boundary then shows it."""
        for (name, log), (asked, selection) in itertools.product(LOGS.items(), SELECTIONS.items()):
            for proof, rest in self.narrowed(log, selection):
                with self.subTest(log=name, selection=asked, left=rest):
                    bundle = seal(log, selection, places=rest)
                    codes = answer(pack(export(log, bundle, proof, places=rest)), log.vkey)
                    self.assertEqual(codes, HOLDS | {"incomplete"})

    def narrowed(self, log, selection):
        query = {"selection": selection}
        order, spans = maker.asked(query)
        place = maker.index_place(log, len(log.rows))
        runs = json.loads(json.loads(log.rows[place])["row"]["meta_json"])["runs"]
        for number, (run, (low, high)) in enumerate(itertools.product(runs, spans)):
            whole = maker.tree(log.rows, run["from"], run["to"], order)
            inside = [at for at, (key, _) in enumerate(whole) if low <= key < high]
            for begin, gone in ((1, 0), (0, -1)) if inside else ():
                proof = prove(log, query, entries=False)
                proof["ranges"][number] = maker.range_at(whole, inside[0] + begin, len(inside) - 1)
                left_out = int.from_bytes(whole[inside[gone]][1][-40:-32], "big")
                yield proof, [one for one in selected(log, selection, len(log.rows)) if one != left_out]

    def test_a_foreign_row(self):
        """A row that matches, and that the log does not hold at the place it is given."""
        selection = SELECTIONS["trace"]
        for name, log in LOGS.items():
            other = copy.deepcopy(log)
            other.add("tool_invocations", 2, A)
            entry = maker.card(other.rows, len(other.rows) - 1)
            proof = prove(log, {"selection": selection})
            for at, place in itertools.product(range(len(proof["entries"]) + 1), range(len(log.rows))):
                moved = entry[:41] + place.to_bytes(8, "big") + entry[49:]
                added = copy.deepcopy(proof)
                added["entries"].insert(at, moved.hex())
                for number in range(len(added["ranges"])):
                    again = copy.deepcopy(added)
                    again["ranges"][number]["count"] += 1
                    self.assertEqual(verdict_of(log, again), "incomplete", name)

    def test_a_foreign_row_that_was_sealed(self):
        for name, log in LOGS.items():
            places = selected(log, SELECTIONS["trace"], len(log.rows))
            other = next(place for place in range(len(log.rows)) if place not in places)
            order = lambda place: maker.card(log.rows, place)[:1] + maker.card(log.rows, place)[9:25]
            more = sorted([*places, other], key=order)
            bundle = seal(log, SELECTIONS["trace"], places=more)
            proof = prove(log, {"selection": SELECTIONS["trace"]})
            blind = answer(pack(export(log, bundle, proof, blind=True)), log.vkey)
            self.assertEqual(blind, HOLDS | {"incomplete"}, name)
            shown = answer(pack(export(log, bundle, proof, places=more)), log.vkey)
            self.assertEqual(shown, HOLDS | {"incomplete", "row-altered", "seal-altered"}, name)

    def test_boundaries(self):
        """Every run of places but the right one, proven honestly, for every range."""
        for (name, log), query in itertools.product(LOGS.items(), self.queries()):
            order, spans = maker.asked(query)
            place = maker.index_place(log, len(log.rows))
            runs = json.loads(json.loads(log.rows[place])["row"]["meta_json"])["runs"]
            whole = prove(log, query)
            for number, (run, _) in enumerate(itertools.product(runs, spans)):
                leaves = maker.tree(log.rows, run["from"], run["to"], order)
                before = sum(part["count"] for part in whole["ranges"][:number])
                own = whole["ranges"][number]
                for begin, end in itertools.combinations_with_replacement(range(len(leaves) + 1), 2):
                    moved = copy.deepcopy(whole)
                    moved["ranges"][number] = maker.range_at(leaves, begin, end - begin)
                    shown = [data.hex() for _, data in leaves[begin:end]]
                    moved["entries"][before:before + own["count"]] = shown
                    if (begin, end - begin) != (own["begin"], own["count"]):
                        self.assertEqual(verdict_of(log, moved), "incomplete", (name, query, number, begin, end))
                    else:
                        self.assertEqual(moved, whole)

    def test_neighbours(self):
        """A range proof holds without its neighbours, too; then it shows nothing of what was left out."""
        for (name, log), query in itertools.product(LOGS.items(), self.queries()):
            order, spans = maker.asked(query)
            place = maker.index_place(log, len(log.rows))
            runs = json.loads(json.loads(log.rows[place])["row"]["meta_json"])["runs"]
            whole = prove(log, query)
            for number, (run, _) in enumerate(itertools.product(runs, spans)):
                hashes = [maker.leaf(data) for _, data in maker.tree(log.rows, run["from"], run["to"], order)]
                own = whole["ranges"][number]
                for gone in (["before"], ["after"], ["before", "after"]):
                    bare = {**own, **dict.fromkeys(gone)}
                    first = own["begin"] - (bare["before"] is not None)
                    last = own["begin"] + own["count"] + (bare["after"] is not None)
                    if bare == own:
                        continue
                    left, right = maker.sides(hashes, first, last) if first < last else ([], [])
                    proof = copy.deepcopy(whole)
                    proof["ranges"][number] = {**bare, "left": maker.hexes(left), "right": maker.hexes(right)}
                    self.assertEqual(verdict_of(log, proof), "incomplete", (name, query, number, gone))

    def queries(self):
        return [{"selection": SELECTIONS[name]} for name in ("window", "no row", "traces", "all bits")] + [
            term_query(name) for name in ("horizon", "intent", "absent")]

    def test_rows_of_the_tail(self):
        log = LOGS["tail"]
        whole = prove(log, {"selection": SELECTIONS["everything"]})
        for gone in range(4):
            proof = copy.deepcopy(whole)
            del proof["tail"]["rows"][gone]
            self.assertEqual(verdict_of(log, proof), "incomplete")
        proof = copy.deepcopy(whole)
        proof["tail"]["rows"] = proof["tail"]["rows"][1:]
        left, _ = maker.sides([maker.leaf(data) for data in log.rows], len(log.rows) - 3, len(log.rows))
        proof["tail"]["left"] = maker.hexes(left)
        self.assertEqual(verdict_of(log, proof), "incomplete")


class Altered(unittest.TestCase):
    def places(self, value, path=()):
        yield path
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, member in members:
            yield from self.places(member, (*path, name))

    def changes(self, value):
        if isinstance(value, bool) or value is None:
            return ["", 0, []]
        if isinstance(value, int):
            return [value + 1, value - 1, value + 256, str(value), None, float(value) + 0.5]
        if isinstance(value, str):
            flipped = [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1:] for at in range(0, len(value), max(len(value) // 7, 1))]
            return [*flipped, value[:-1], value[:-2], value + "0", value + "00", value.upper(), None, 0]
        if isinstance(value, list):
            swapped = [value[1:2] + value[:1] + value[2:]] if value[:1] != value[1:2] and len(value) > 1 else []
            return [value[1:], value[:-1], value[:1] + value, value + value[-1:], *swapped, None, {}] if value else [[0], ["00"], None]
        return [{**value, "more": 0}, None, []] + [{name: value[name] for name in value if name != gone} for gone in value]

    def changed(self, value, path, change):
        if not path:
            return change
        copied = copy.deepcopy(value)
        inner = copied
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = change
        return copied

    def test_every_member(self):
        """No change of a proof holds, and none ends in anything but a finding."""
        cases = [("runs", {"selection": SELECTIONS["window"]}), ("tail", {"selection": SELECTIONS["traces"]}),
                 ("tail", term_query("intent")), ("no terms", term_query("horizon"))]
        for name, query in cases:
            log = LOGS[name]
            proof = prove(log, query)
            for path in self.places(proof):
                value = proof
                for part in path:
                    value = value[part]
                for change in self.changes(value):
                    altered = self.changed(proof, path, change)
                    if altered == proof or path[:1] == ("query",):
                        continue
                    found = verdict_of(log, altered)
                    fits = {"incomplete"} | ({"format-unknown"} if path == ("format",) or path[:1] == ("tail",) else set())
                    fits |= {"evidence-unreadable"} if path == ("entries",) and change is None else set()
                    self.assertIn(found if isinstance(found, str) else "held", fits, (path, change))

    def test_another_query(self):
        log = LOGS["runs"]
        for name, other in itertools.permutations(("window", "traces", "everything", "until"), 2):
            bundle = seal(log, SELECTIONS[name])
            proof = prove(log, {"selection": SELECTIONS[other]})
            codes = answer(pack(export(log, bundle, proof)), log.vkey)
            self.assertEqual(codes, HOLDS | {"incomplete"}, (name, other))
        bundle, other = seal(log, SELECTIONS["everything"]), {"selection": window(since=moment(-9))}
        self.assertEqual(selected(log, other["selection"], len(log.rows)), selected(log, SELECTIONS["everything"], len(log.rows)))
        for entries in (False, True):
            codes = answer(pack(export(log, bundle, prove(log, other, entries=entries))), log.vkey)
            self.assertEqual(codes, HOLDS | {"incomplete"}, "the same rows by another question")
        proof = prove(log, {"selection": SELECTIONS["window"]})
        for query in ({}, None, [], {"selection": None}, {"selection": {}}, {"term": {"column": "tool", "value": "grep"}},
                      {"selection": {**SELECTIONS["window"], "kinds": []}}, {"selection": {**SELECTIONS["window"], "scope": "all"}},
                      {"selection": {**SELECTIONS["window"], "until": moment(1)}}, {**proof["query"], "term": {}}):
            self.assertEqual(verdict_of(log, {**proof, "query": query}), "incomplete")

    def test_another_checkpoint(self):
        log, selection = LOGS["tail"], SELECTIONS["trace"]
        bundle = seal(log, selection)
        older = prove(log, {"selection": selection}, len(log.rows) - 1)
        codes = answer(pack(export(log, bundle, older)), log.vkey)
        self.assertEqual(codes, HOLDS | {"incomplete"})
        other = maker.Key()
        text = log.checkpoint().split("\n\n")[0] + "\n"
        forged = prove(log, {"selection": selection}, checkpoint=other.note(log.name, text))
        self.assertEqual(verdict_of(log, forged), "incomplete")

    def test_an_index_that_does_not_fit(self):
        good = json.loads(json.loads(LOGS["runs"].rows[-1])["row"]["meta_json"])["runs"]
        terms = {"root": "00" * 32, "size": 2 ** 50}
        faults = [{"size": 3}, {"size": 10}, {"runs": []}, {"runs": good[1:]}, {"runs": good[:-1]}, {"runs": good[:1] + good},
                  {"runs": good[::-1]}, {"runs": [{**run, "term": terms} for run in good]}, {"more": 1}, {"runs": None},
                  {"runs": good[:1] + [{**good[0], "from": 1, "to": 1}] + good[1:]},
                  {"runs": [{**good[0], "to": 2 ** 60}]}, {"runs": [{**run, "time": "00" * 32} for run in good]}]
        for fault in faults:
            log = make_log(cuts=(1, 4, 6))
            del log.rows[-1]
            log.count -= 1
            log.add_index((1, 4, 6), **fault)
            proof = prove(LOGS["runs"], {"selection": SELECTIONS["everything"]})
            proof.update(checkpoint=log.checkpoint(), tail={**proof["tail"], "rows": [log.rows[-1].decode()]})
            held = {"runs": [{**run, "term": terms} for run in good]} == fault
            self.assertEqual(verdict_of(log, proof) == "incomplete", not held, fault)

    def test_runs_that_do_not_cover_the_log(self):
        """Each run is honest in itself, and so is each range of it."""
        def log_of(*spans):
            log = make_log()
            del log.rows[-1]
            log.add_index(runs=[maker.run_of(log.rows, *span) for span in spans])
            return log
        selection = SELECTIONS["window"]
        whole = log_of((0, 4), (4, 9))
        self.assertNotEqual(verdict_of(whole, prove(whole, {"selection": selection})), "incomplete")
        for spans in (((0, 4), (5, 9)), ((0, 5), (4, 9)), ((1, 9),), ((0, 4), (4, 4), (4, 9)), ((4, 9), (0, 4)), ((0, 8),), ()):
            log = log_of(*spans)
            self.assertEqual(verdict_of(log, prove(log, {"selection": selection})), "incomplete", spans)

    def test_limits(self):
        log = maker.Log(KEY)
        for _ in range(64):
            log.add("mcp_calls", 1, A)
        del log.rows[-1]
        log.add_index(cuts=range(1, 64))
        self.assertEqual(len(verdict_of(log, prove(log, {"selection": SELECTIONS["trace"]}))), 63)
        log.add_index(cuts=range(1, 65))
        self.assertEqual(verdict_of(log, prove(log, {"selection": SELECTIONS["trace"]})), "incomplete")
        log = maker.Log(KEY)
        log.add_index()
        for _ in range(1023):
            log.add("mcp_calls", 1, A)
        self.assertEqual(len(verdict_of(log, prove(log, {"selection": SELECTIONS["trace"]}))), 1023)
        log.add("mcp_calls", 1, A)
        self.assertEqual(verdict_of(log, prove(log, {"selection": SELECTIONS["trace"]})), "incomplete")

    def test_a_tail_that_begins_with_another_row(self):
        """Neither another kind nor another table makes an index, whatever its `meta_json` says."""
        for table, kind in (("proof_artifacts", "note"), ("mcp_calls", "vm-index")):
            log = make_log()
            del log.rows[-1]
            meta = {"format": "vm-index-v0", "runs": [maker.run_of(log.rows, 0, len(log.rows))], "size": len(log.rows)}
            log.add(table, 50, C, kind=kind, meta_json=maker.canon(meta).decode())
            find, maker.index_place = maker.index_place, lambda log, size: size - 1
            try:
                proof = prove(log, {"selection": SELECTIONS["window"]})
            finally:
                maker.index_place = find
            self.assertEqual(verdict_of(log, proof), "incomplete", table)

    def test_an_index_that_holds_a_row_twice(self):
        """In the place of another one, which would be left out."""
        log = make_log()
        del log.rows[-1]
        whole = maker.tree(log.rows, 0, len(log.rows), "time")
        twice = [whole[0], whole[0], *whole[2:]]
        top = maker.root([maker.leaf(data) for _, data in twice]).hex()
        log.add_index(runs=[{**maker.run_of(log.rows, 0, len(log.rows)), "time": top}])
        proof = prove(log, {"selection": window(kinds=["tool_invocations"])})
        proof["ranges"] = [maker.range_at(twice, 0, 3)]
        proof["entries"] = [data.hex() for _, data in twice[:3]]
        self.assertEqual(verdict_of(log, proof), "incomplete")

    def test_an_unknown_index(self):
        log = make_log()
        del log.rows[-1]
        log.add_index(format="vm-index-v1")
        proof = prove(log, {"selection": SELECTIONS["everything"]})
        self.assertEqual(verdict_of(log, proof), "format-unknown")

    def test_an_index_out_of_order_shows_where_it_is_opened(self):
        """Keys that do not rise are refused; what lies beyond the opened range only a rebuilt index shows."""
        log = make_log()
        del log.rows[-1]
        whole = maker.tree(log.rows, 0, len(log.rows), "time")
        swapped = [whole[1], whole[0], *whole[2:]]
        run = {**maker.run_of(log.rows, 0, len(log.rows)), "time": maker.root([maker.leaf(data) for _, data in swapped]).hex()}
        log.add_index(runs=[run])
        proof = prove(log, {"selection": window(kinds=["tool_invocations"])})
        proof["ranges"] = [maker.range_at(swapped, 0, 3)]
        proof["entries"] = [data.hex() for _, data in swapped[:3]]
        self.assertEqual(verdict_of(log, proof), "incomplete")


if __name__ == "__main__":
    unittest.main()
