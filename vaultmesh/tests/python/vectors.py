"""The samples of docs/spec/index.md and completeness.md, and vectors for whoever writes the same formats elsewhere.

`python3 vectors.py` writes vm-seal/tests/vectors/completeness.json anew: a log of rows, its key, and proofs with the cards they show.
"""
import json
import pathlib

import maker

FILE = pathlib.Path(__file__).resolve().parents[3] / "vm-seal/tests/vectors/completeness.json"


def sample_log():
    """A genesis, three rows, and an index over them in two runs."""
    log = maker.Log(maker.Key(bytes([1] * 32)))
    first = log.add("tool_invocations", 1, maker.uuid(0xA1), phase="intent", status=None)
    log.add("mcp_calls", 2, maker.uuid(0xB2))
    log.add("tool_invocations", 3, maker.uuid(0xA1), phase="outcome", intent_id=first)
    log.add_index(cuts=(3,))
    return log


def vector_log():
    """Rows of all tables, equal times, every reference, three runs, one of them without a term, and a tail of four."""
    log = sample_log()
    first = maker.uuid(2)
    log.add("shadow_receipts", 3, maker.uuid(0xC3), horizon_id="deploy/api")
    log.add("shadow_receipts", 2, "f" * 32, horizon_id="deploy/api", corrects_id=maker.uuid(6), corrects_leaf="00" * 32)
    log.add("mcp_calls", 2, maker.uuid(0xB2), answers_id=maker.uuid(3), kind="response")
    log.add("proof_artifacts", 3, maker.uuid(0xA1), subject_id=first)
    log.add_index(cuts=(3, 5))
    log.add("tool_invocations", 0, maker.uuid(0xA1), intent_id=first, phase="outcome")
    log.add("mcp_calls", 90, maker.uuid(0xC3))
    log.add("shadow_receipts", 4, "f" * 32, horizon_id="deploy")
    return log


QUERIES = [
    {"selection": maker.window()}, {"selection": maker.window(since=maker.moment(2), until=maker.moment(3))},
    {"selection": maker.window(since=maker.moment(3), kinds=["tool_invocations", "shadow_receipts"])},
    {"selection": maker.window(until=maker.moment(-5))}, {"selection": maker.traces(maker.uuid(0xA1), maker.uuid(0xD4))},
    {"selection": maker.traces("f" * 32)}, {"selection": maker.traces(maker.uuid(0xA1), kinds=["proof_artifacts"])},
    {"term": {"column": "intent_id", "value": maker.uuid(2)}}, {"term": {"column": "answers_id", "value": maker.uuid(3)}},
    {"term": {"column": "subject_id", "value": maker.uuid(2)}}, {"term": {"column": "corrects_id", "value": maker.uuid(6)}},
    {"term": {"column": "horizon_id", "value": "deploy/api"}}, {"term": {"column": "horizon_id", "value": "none"}},
]


def cards_of(log, query):
    """Cards of the rows that match, by place."""
    order, spans = maker.asked(query)
    found = [data[-81:] for key, data in maker.tree(log.rows, 0, len(log.rows), order)
             if any(low <= key < high for low, high in spans)]
    return [card.hex() for card in sorted(found, key=lambda card: card[41:49])]


def vectors():
    log = vector_log()
    proofs = [{"cards": cards_of(log, query), "proof": maker.prove(log, query)} for query in QUERIES]
    return {"key": log.vkey, "proofs": proofs, "rows": [row.decode() for row in log.rows]}


def samples():
    """The index row's `meta_json`, and a proof of what completes an intent."""
    log = sample_log()
    proof = maker.prove(log, {"term": {"column": "intent_id", "value": maker.uuid(2)}})
    return json.loads(log.rows[-1])["row"]["meta_json"], maker.canon(proof).decode(), log


if __name__ == "__main__":
    FILE.write_bytes(maker.canon(vectors()) + b"\n")
