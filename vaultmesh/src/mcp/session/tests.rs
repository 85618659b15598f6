use std::collections::BTreeMap;

use proptest::prelude::*;
use vm_core::instant::Instant;
use vm_core::record::StoredRow;
use vm_core::redact::{KnownSecrets, SEALED};
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};

use super::*;

const UP: Direction = Direction::ClientToServer;
const DOWN: Direction = Direction::ServerToClient;
const CONNECTION: TraceId = TraceId::from_bytes([9; 16]);

struct Recorder {
    session: Session,
    clock: SteppingClock,
    entropy: CountingEntropy,
}

impl Recorder {
    fn new() -> Self {
        Self::of(Session::new(CONNECTION, Policy::builtin(), Box::new(KnownSecrets)))
    }

    fn of(session: Session) -> Self {
        Self {
            session,
            clock: SteppingClock::new(Instant::from_micros(1_700_000_000_000_000).unwrap()),
            entropy: CountingEntropy::new(1),
        }
    }

    fn draft(&mut self, direction: Direction, frame: impl AsRef<[u8]>) -> RowDraft {
        let taken = self.session.frame(direction, frame.as_ref(), &self.clock, &mut self.entropy);
        taken.unwrap()
    }

    fn row(&mut self, direction: Direction, frame: impl AsRef<[u8]>) -> StoredRow {
        self.draft(direction, frame).complete(None).unwrap()
    }

    fn finish(&mut self) -> Vec<StoredRow> {
        let drafts = self.session.finish(&self.clock, &mut self.entropy).unwrap();
        drafts.iter().map(|draft| draft.complete(None).unwrap()).collect()
    }
}

fn request(id: &str, method: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\"}}\n")
}

fn response(id: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n")
}

fn answers(row: &StoredRow) -> Option<RowId> {
    row.row_ref("answers_id").unwrap()
}

#[test]
fn answers_belong_to_the_other_direction() {
    let mut recorder = Recorder::new();
    let (up, down) = (recorder.row(UP, request("0", "ping")), recorder.row(DOWN, request("0", "roots/list")));
    let (to_down, to_up) = (recorder.row(UP, response("0")), recorder.row(DOWN, response("0")));
    assert_eq!(answers(&to_down), Some(down.id().unwrap()));
    assert_eq!(to_down.text("method"), Some("roots/list"));
    assert_eq!(answers(&to_up), Some(up.id().unwrap()));
    assert_eq!(to_up.text("method"), Some("ping"));
    assert_eq!(to_up.integer("ordinal"), Some(3));
    assert_eq!(to_up.text("direction"), Some("s2c"));
    assert!(recorder.finish().is_empty());
}

#[test]
fn one_and_the_text_one_differ() {
    let mut recorder = Recorder::new();
    let (number, text) = (recorder.row(UP, request("1", "a")), recorder.row(UP, request("\"1\"", "b")));
    assert_eq!(answers(&recorder.row(DOWN, response("\"1\""))), Some(text.id().unwrap()));
    assert_eq!(answers(&recorder.row(DOWN, response("1.0"))), Some(number.id().unwrap()));
    assert_eq!(answers(&recorder.row(DOWN, response("1"))), None, "answered before");
    assert_eq!((number.text("rpc_id"), text.text("rpc_id")), (Some("1"), Some("\"1\"")));
}

#[test]
fn a_reused_id_leaves_the_older_request_unanswered() {
    let mut recorder = Recorder::new();
    let older = recorder.row(UP, request("5", "old"));
    let newer = recorder.row(UP, request("5", "new"));
    let last = recorder.row(DOWN, request("5", "sampling/createMessage"));
    assert_eq!(answers(&recorder.row(DOWN, response("5"))), Some(newer.id().unwrap()));
    assert_eq!(recorder.session.unanswered(), 2);
    let left = recorder.finish();
    let told: Vec<_> = left
        .iter()
        .map(|row| (answers(row), row.text("direction"), row.text("method"), row.text("meta_json")))
        .collect();
    assert_eq!(
        told,
        [
            (Some(older.id().unwrap()), Some("s2c"), Some("old"), Some(r#"{"reason":"id-reused"}"#)),
            (
                Some(last.id().unwrap()),
                Some("c2s"),
                Some("sampling/createMessage"),
                Some(r#"{"reason":"connection-ended"}"#)
            ),
        ]
    );
    assert!(left.iter().all(|row| row.text("kind") == Some("no_answer") && row.integer("ordinal").is_none()));
    assert!(recorder.finish().is_empty());
}

#[test]
fn traces_come_from_traceparent_and_go_with_the_answer() {
    let mut recorder = Recorder::new();
    let traced = r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":
        {"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}"#;
    let trace = TraceId::from_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    assert_eq!(recorder.row(UP, traced).trace_id(), Ok(trace));
    assert_eq!(recorder.row(UP, request("2", "b")).trace_id(), Ok(CONNECTION));
    assert_eq!(recorder.row(DOWN, response("1")).trace_id(), Ok(trace));
    assert_eq!(recorder.row(DOWN, response("2")).trace_id(), Ok(CONNECTION));
    let mut other = Recorder::of(Session::new(CONNECTION, Policy::builtin(), Box::new(KnownSecrets)).with_trace(trace));
    assert_eq!(other.row(UP, "x").trace_id(), Ok(trace));
}

#[test]
fn a_frame_of_which_nothing_was_redacted_has_its_bare_hash() {
    let mut recorder = Recorder::new();
    let frame = "{\"method\":\"notifications/initialized\", \"jsonrpc\":\"2.0\"}\n";
    let draft = recorder.draft(UP, frame);
    let row = draft.complete(None).unwrap();
    assert_eq!(row.blob("frame_sha256"), Some(Sha256Digest::of(frame.as_bytes()).as_bytes().as_slice()));
    assert_eq!(row.blob("frame_commitment"), None);
    assert_eq!(row.integer("frame_len"), Some(i64::try_from(frame.len()).unwrap()));
    assert_eq!(row.text("body_json"), Some(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#));
    assert!(draft.openings().is_empty());
}

#[test]
fn a_pin_is_not_given_away_by_the_hash_of_its_frame() {
    let mut recorder = Recorder::new();
    let frame = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"pin":"1234"}}}"#;
    let draft = recorder.draft(UP, frame);
    let row = draft.complete(None).unwrap();
    let committed = vm_core::digest::Commitment::from_slice(row.blob("frame_commitment").unwrap()).unwrap();
    assert_eq!(row.blob("frame_sha256"), None);
    assert!(!row.to_value().to_string().contains("1234"));
    let opening = draft.openings().iter().find(|one| one.pointer() == FRAME_POINTER).unwrap();
    assert!(opening.value().is_none());
    let id = row.id().unwrap();
    assert!(opening.opens(id, &committed, &json!(Sha256Digest::of(frame.as_bytes()))));
    assert!(!opening.opens(id, &committed, &json!(Sha256Digest::of(b"other"))));
    assert_eq!(draft.secrets(), ["/body_json/params/arguments/pin"]);
}

#[test]
fn a_redacted_method_redacts_the_frame_of_its_answer() {
    let mut recorder = Recorder::new();
    recorder.draft(UP, request("1", "ghp_0123456789abcdefghijABCDEFGHIJ012345"));
    let row = recorder.row(DOWN, response("1"));
    assert!(row.text("method").unwrap().contains(SEALED));
    assert!(row.blob("frame_commitment").is_some());
}

#[test]
fn opaque_frames_are_committed_whole_and_say_why() {
    for (frame, reason, form) in [
        (&b"{\"a\":1,\"a\":\"hunter2\"}\n"[..], "json-duplicate-key", "utf8"),
        (b"Traceback: hunter2\n", "json-syntax", "utf8"),
        (b"hunter2 \xff\n", "json-not-utf8", "hex"),
        (b"{\"id\":\"hunter2\"}", "not-json-rpc", "utf8"),
        (b"", "json-syntax", "utf8"),
    ] {
        let mut recorder = Recorder::new();
        let draft = recorder.draft(DOWN, frame);
        let row = draft.complete(None).unwrap();
        assert_eq!(row.text("kind"), Some("opaque"));
        assert_eq!(row.text("meta_json").unwrap(), format!(r#"{{"reason":"{reason}"}}"#));
        assert!(!row.to_value().to_string().contains("hunter2"));
        let body: Value = serde_json::from_str(row.text("body_json").unwrap()).unwrap();
        assert!(body[SEALED].is_object(), "{body}");
        let opening = &draft.openings()[0];
        assert_eq!(opening.pointer(), "/body_json");
        let kept = opening.value().unwrap()[form].as_str().unwrap();
        let bytes = if form == "hex" { vm_core::digest::from_hex(kept).unwrap() } else { kept.as_bytes().to_vec() };
        assert_eq!(bytes, frame);
    }
    let mut recorder = Recorder::new();
    let token = recorder.draft(DOWN, "export T=ghp_0123456789abcdefghijABCDEFGHIJ012345\n");
    assert_eq!(token.secrets(), ["/body_json"]);
}

#[test]
fn a_body_that_redaction_makes_too_long_is_committed_whole() {
    let members: Vec<String> = (0..170_000).map(|at| format!("\"{at}\":1")).collect();
    let frame = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"arguments":{{{}}}}}}}"#,
        members.join(",")
    );
    let mut recorder = Recorder::new();
    let draft = recorder.draft(UP, &frame);
    let row = draft.complete(None).unwrap();
    assert!(row.text("body_json").unwrap().starts_with("{\"$sealed\""));
    assert_eq!((row.text("kind"), row.text("method")), (Some("request"), Some("tools/call")));
    let pointers: Vec<_> = draft.openings().iter().map(vm_core::redact::Opening::pointer).collect();
    assert_eq!(pointers, ["/body_json", FRAME_POINTER]);
}

#[test]
fn too_much_is_an_error_and_changes_nothing() {
    let mut recorder = Recorder::new();
    let long = vec![b' '; FRAME_MAX + 1];
    let fault = recorder.session.frame(UP, &long, &recorder.clock, &mut recorder.entropy).unwrap_err();
    assert_eq!((fault.code(), recorder.session.frames()), ("frame-too-long", 0));
    let batch: Vec<String> = (0..OPEN_MAX).map(|id| request(&id.to_string(), "a")).collect();
    recorder.draft(UP, format!("[{}]", batch.join(",")));
    let fault = recorder.session.frame(DOWN, request("1", "b").as_bytes(), &recorder.clock, &mut recorder.entropy);
    assert_eq!(fault.unwrap_err().code(), "too-many-open-requests");
    assert_eq!((recorder.session.frames(), recorder.session.unanswered()), (1, OPEN_MAX));
    recorder.draft(DOWN, response("1"));
    recorder.draft(DOWN, request("1", "b"));
    assert_eq!(recorder.finish().len(), OPEN_MAX);
}

#[test]
fn batches_open_and_answer_each_of_their_messages() {
    let mut recorder = Recorder::new();
    let asked = recorder.row(UP, format!("[{},{}]", request("1", "a"), request("2", "b")));
    assert_eq!((asked.text("kind"), asked.text("rpc_id"), asked.text("method")), (Some("batch"), None, None));
    let answered = recorder.row(DOWN, format!("[{}]", response("2")));
    assert_eq!(answers(&answered), Some(asked.id().unwrap()));
    let left = recorder.finish();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].text("rpc_id"), answers(&left[0])), (Some("1"), Some(asked.id().unwrap())));
}

#[test]
fn a_repeated_batch_has_the_same_keys_and_connection() {
    let session = |batch: &str| {
        let blind = BlindKey::from_bytes([5; 32]);
        Session::repeatable(blind, batch, Policy::builtin(), Box::new(KnownSecrets))
    };
    let frames = [(UP, request("1", "a")), (UP, request("2", "b")), (DOWN, response("1"))];
    let keys = |batch: &str, seed: u64| {
        let mut recorder = Recorder::of(session(batch));
        recorder.entropy = CountingEntropy::new(seed);
        let mut keys: Vec<_> =
            frames.iter().map(|(way, frame)| recorder.draft(*way, frame).idempotency().unwrap()).collect();
        let left = recorder.session.finish(&recorder.clock, &mut recorder.entropy).unwrap();
        keys.extend(left.iter().map(|draft| draft.idempotency().unwrap()));
        (recorder.session.connection(), keys)
    };
    let (first, again, other) = (keys("monday", 1), keys("monday", 2), keys("tuesday", 1));
    assert_eq!(first, again);
    assert_ne!(first.0, other.0);
    assert_eq!(first.1.len(), 4);
    for (place, key) in first.1.iter().enumerate() {
        assert_ne!(key.0, other.1[place].0);
        assert!(first.1[..place].iter().all(|before| before.0 != key.0));
        assert_eq!(key.1, other.1[place].1, "the fingerprint is of the input alone");
    }
    assert_eq!(Recorder::new().draft(UP, "x").idempotency(), None);
}

#[test]
fn settled_requests_are_answered_under_the_id_that_stands() {
    let mut recorder = Recorder::new();
    let stands = RowId::from_bytes([7; 16]);
    let (first, second) = (recorder.row(UP, request("1", "a")), recorder.row(UP, request("1", "b")));
    recorder.session.settle(second.id().unwrap(), stands);
    assert_eq!(answers(&recorder.row(DOWN, response("1"))), Some(stands));
    recorder.session.settle(first.id().unwrap(), stands);
    assert_eq!(answers(&recorder.finish()[0]), Some(stands));
}

/// A message of the model: who sends it, its id, and whether it asks.
fn messages() -> impl Strategy<Value = Vec<(bool, u8, bool)>> {
    prop::collection::vec((any::<bool>(), 0_u8..4, any::<bool>()), 0..60)
}

proptest! {
    /// Against a model that looks back through all frames for the request that an answer belongs to.
    #[test]
    fn any_interleaving_pairs_as_the_model_does(messages in messages()) {
        let mut recorder = Recorder::new();
        let mut rows = Vec::new();
        // Latest request under each direction and id, and whether it is answered.
        let mut latest: BTreeMap<(bool, u8), (usize, bool)> = BTreeMap::new();
        let mut unanswered: Vec<usize> = Vec::new();
        for (at, (up, id, asks)) in messages.iter().copied().enumerate() {
            let direction = if up { UP } else { DOWN };
            // Ids 0 and 1 are numbers, 2 and 3 the texts of the same.
            let text = if id < 2 { id.to_string() } else { format!("\"{}\"", id - 2) };
            let frame = if asks { request(&text, &format!("m{at}")) } else { response(&text) };
            let row = recorder.row(direction, frame);
            let expected = if asks {
                latest.insert((up, id), (at, false));
                unanswered.push(at);
                None
            } else {
                latest.get_mut(&(!up, id)).filter(|asked| !asked.1).map(|asked| {
                    asked.1 = true;
                    asked.0
                })
            };
            unanswered.retain(|open| Some(*open) != expected);
            prop_assert_eq!(answers(&row), expected.map(|asked: usize| { let row: &StoredRow = &rows[asked]; row.id().unwrap() }));
            if let Some(asked) = expected {
                prop_assert_eq!(row.text("method").unwrap(), format!("m{asked}"));
            }
            prop_assert_eq!(row.integer("ordinal"), i64::try_from(at).ok());
            rows.push(row);
        }
        let left: Vec<_> = recorder.finish().iter().map(|row| answers(row).unwrap()).collect();
        let expected: Vec<_> = unanswered.iter().map(|at| rows[*at].id().unwrap()).collect();
        prop_assert_eq!(left, expected);
    }

    /// Whatever the bytes, there is a row, and no panic.
    #[test]
    fn any_bytes_make_a_row(bytes in prop::collection::vec(any::<u8>(), 0..200), up in any::<bool>()) {
        let mut recorder = Recorder::new();
        let row = recorder.row(if up { UP } else { DOWN }, &bytes);
        prop_assert_eq!(row.integer("frame_len"), i64::try_from(bytes.len()).ok());
    }
}
