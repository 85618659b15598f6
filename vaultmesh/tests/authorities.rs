//! Several authorities: each asked on its own, the failures kept, and a quorum that some of them cannot mislead.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fixture::{Copied, Scene, codes, read_request};
use serde_json::Value;
use vaultmesh::anchors::Standing;
use vaultmesh::ask::{Outcome, Persistence};
use vaultmesh::trust::TrustFile;
use vaultmesh::vault::{Ask, Asked, Sources, Vault};
use vaultmesh::verify::{Outside, verify_vault};
use vm_anchor::TrustedAuthority;
use vm_anchor::authority::LocalAuthority;
use vm_core::instant::Instant;
use vm_core::record::SystemKind;
use vm_core::verdict::Code;

const SECOND: i64 = 1_000_000;

fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap()).unwrap()
}

/// What an authority does with one request.
#[derive(Clone, Debug)]
enum Act {
    /// Stamps what it is asked for, so many seconds from now.
    Stamp(i64),
    /// Declines with a status, and says when to come back.
    Decline(u16, Option<u32>),
    /// Hangs up.
    HangUp,
    /// Says something else.
    Babble,
}

/// An authority on the loopback interface, which does one thing after the other, and the last of them from then on.
struct Loopback {
    name: &'static str,
    url: String,
    root: TrustedAuthority,
    asked: Arc<Mutex<u32>>,
}

impl Loopback {
    fn new(name: &'static str, acts: &[Act]) -> Self {
        // It was founded before the seals of the scene, so that it can lie about the time.
        let founded = fixture::start().saturating_add_micros(-30 * 86_400 * SECOND);
        let authority = LocalAuthority::generate(name, founded).unwrap();
        let root = TrustedAuthority::independent(name, authority.root().clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/tsr", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(0));
        let (acts, count) = (acts.to_vec(), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let at = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    usize::try_from(*count).unwrap() - 1
                };
                let act = acts[at.min(acts.len() - 1)].clone();
                serve(stream.unwrap(), &authority, &act);
            }
        });
        Self { name, url, root, asked }
    }

    fn ask(&self) -> Ask {
        self.ask_at(Duration::ZERO)
    }

    fn ask_at(&self, pace: Duration) -> Ask {
        Ask::Tsa { name: self.name.to_owned(), url: self.url.clone(), root: Some(self.root.clone()), pace }
    }

    fn asked(&self) -> u32 {
        *self.asked.lock().unwrap()
    }
}

fn serve(mut stream: TcpStream, authority: &LocalAuthority, act: &Act) {
    let (_, body) = read_request(&mut stream);
    let (status, headers, reply) = match act {
        Act::HangUp => return,
        Act::Stamp(ahead) => {
            let time = now().saturating_add_micros(ahead * SECOND);
            (200, String::new(), authority.respond(&body, time).unwrap())
        }
        Act::Decline(status, after) => {
            let after = after.map_or_else(String::new, |after| format!("Retry-After: {after}\r\n"));
            (*status, after, Vec::new())
        }
        Act::Babble => (200, String::new(), b"hello".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/timestamp-reply\r\nConnection: close\r\n{headers}\
         Content-Length: {}\r\n\r\n",
        reply.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&reply).unwrap();
}

fn open(copy: &Copied<'_>) -> Vault {
    Vault::open(&copy.place, Sources::system().unwrap(), Duration::from_secs(5)).unwrap()
}

/// What a verifier brings who believes these authorities alone.
fn outside(copy: &Copied<'_>, authorities: &[&Loopback], quorum: Option<u32>) -> Outside {
    let mut trust = TrustFile::new(None, authorities.iter().map(|one| one.root.clone()).collect());
    trust.quorum = quorum;
    Outside { head: Some(copy.reader().head().unwrap()), trust: Some(trust), ..copy.scene.outside() }
}

fn outcomes(asked: &[Asked]) -> Vec<(&str, Outcome, u32)> {
    asked.iter().map(|one| (one.authority.as_str(), one.outcome, one.tries)).collect()
}

/// What the vault keeps of attempts: authority, state and reason.
fn attempts(copy: &Copied<'_>) -> Vec<[String; 3]> {
    let mut found = Vec::new();
    let visit = &mut |logged: vm_core::view::LoggedRow| {
        let meta: Value = serde_json::from_str(logged.row.text("meta_json").unwrap()).unwrap();
        let word = |name: &str| meta["attempt"][name].as_str().unwrap().to_owned();
        assert!(!logged.row.text("meta_json").unwrap().contains("/tsr"), "an address was recorded");
        found.push([word("authority"), word("state"), word("reason")]);
    };
    copy.reader().visit_kind(SystemKind::AnchorAttempt.as_str(), visit).unwrap();
    found
}

fn twice() -> Persistence {
    Persistence { tries: 2, wait: Duration::from_secs(5) }
}

#[test]
fn each_is_asked_on_its_own_and_the_failures_are_kept() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let good = Loopback::new("good", &[Act::Stamp(0)]);
    let busy = Loopback::new("busy", &[Act::Decline(503, Some(1)), Act::Stamp(0)]);
    let away = Loopback::new("away", &[Act::HangUp]);
    let closed = Loopback::new("closed", &[Act::Decline(403, None)]);
    let babbler = Loopback::new("babbler", &[Act::Babble]);
    let asks = [&good, &busy, &away, &closed, &babbler].map(Loopback::ask).to_vec();
    let asked = open(&copy).anchor_all(scene.seals[1].seal_id, asks, twice()).unwrap();
    assert_eq!(
        outcomes(&asked),
        [
            ("good", Outcome::Anchored, 1),
            ("busy", Outcome::Anchored, 2),
            ("away", Outcome::Unreachable, 2),
            ("closed", Outcome::Refused, 1),
            ("babbler", Outcome::Invalid, 1),
        ]
    );
    assert_eq!([&good, &busy, &away, &closed, &babbler].map(Loopback::asked), [1, 2, 2, 1, 1]);
    let told = |name: &str, state: &str, reason: &str| [name, state, reason].map(str::to_owned);
    let expected = [
        told("away", "unreachable", "client-unreachable"),
        told("closed", "refused", "client-refused"),
        told("babbler", "invalid", "client-malformed"),
    ];
    assert_eq!(attempts(&copy), expected);
    // The vault is as good as it was, and better anchored.
    let answer = verify_vault(&copy.reader(), &outside(&copy, &[&good, &busy], Some(2)), now()).unwrap();
    assert_eq!(answer.seals[1].anchors.iter().filter(|anchor| anchor.accepted).count(), 2);
    assert_eq!(codes(&answer), [Code::SealUnanchored, Code::NoTrustRoot].into(), "of the first seal");
    for name in ["away", "closed", "babbler"] {
        let failed = |finding: &&vm_core::verdict::Finding| {
            finding.code() == Code::AnchorFailed && finding.found_value().is_some_and(|found| found.contains(name))
        };
        assert_eq!(answer.report.findings().iter().filter(failed).count(), 1, "{name}");
    }
}

#[test]
fn three_authorities_of_which_one_lies() {
    let scene = Scene::shared();
    for lie in [-7_200, 86_400] {
        let copy = scene.copy();
        let honest = [Loopback::new("a", &[Act::Stamp(0)]), Loopback::new("b", &[Act::Stamp(0)])];
        let liar = Loopback::new("liar", &[Act::Stamp(lie)]);
        let all = [&honest[0], &honest[1], &liar];
        let mut vault = open(&copy);
        // The seal is made now, so that an anchor of two hours ago is before it.
        let seal = vault.seal(vm_seal::selection::Selection::everything()).unwrap().seal_id;
        let asked = vault.anchor_all(seal, all.map(Loopback::ask).to_vec(), twice()).unwrap();
        drop(vault);
        let recorded = if lie < 0 { Outcome::Anchored } else { Outcome::Invalid };
        assert_eq!(outcomes(&asked), [("a", Outcome::Anchored, 1), ("b", Outcome::Anchored, 1), ("liar", recorded, 1)]);
        for (quorum, anchored) in [(1, true), (2, true), (3, false)] {
            let answer = verify_vault(&copy.reader(), &outside(&copy, &all, Some(quorum)), now()).unwrap();
            let state = answer.seals.last().unwrap();
            let counted: BTreeSet<_> = state.anchors.iter().filter(|anchor| anchor.accepted).collect_names();
            assert_eq!(counted, ["a", "b"].map(str::to_owned).into(), "lie {lie}, quorum {quorum}");
            assert_eq!(state.interval.not_after.is_some(), anchored, "lie {lie}, quorum {quorum}");
            if let Some(time) = state.interval.not_after {
                assert!((now().as_micros() - time.as_micros()).abs() < 60 * SECOND, "{time}");
            }
            assert_eq!(answer.report.has(Code::QuorumUnmet), !anchored);
            // A lie that was recorded is proven, and never passed over.
            assert_eq!(answer.report.has(Code::AnchorBackdated), lie < 0);
            let liars = state.anchors.iter().filter(|anchor| anchor.authority.as_deref() == Some("liar"));
            assert!(liars.into_iter().all(|anchor| anchor.state == Standing::Contradicted));
        }
    }
}

trait Names {
    fn collect_names(self) -> BTreeSet<String>;
}

impl<'a, I: Iterator<Item = &'a vaultmesh::anchors::AnchorState>> Names for I {
    fn collect_names(self) -> BTreeSet<String> {
        self.filter_map(|anchor| anchor.authority.clone()).collect()
    }
}

#[test]
fn an_authority_is_left_alone_as_long_as_it_wants() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let slow = Loopback::new("slow", &[Act::Stamp(0)]);
    let hour = Duration::from_secs(3_600);
    let ask = || open(&copy).anchor_all(scene.seals[1].seal_id, vec![slow.ask_at(hour)], twice()).unwrap();
    assert_eq!(outcomes(&ask()), [("slow", Outcome::Anchored, 1)]);
    let kept = std::fs::read(copy.path("asked.json")).unwrap();
    assert_eq!(outcomes(&ask()), [("slow", Outcome::RateLimited, 0)]);
    assert_eq!(slow.asked(), 1);
    assert_eq!(std::fs::read(copy.path("asked.json")).unwrap(), kept, "who was not asked is not left alone for longer");
    assert_eq!(attempts(&copy), [["slow", "rate-limited", "rate-limited"].map(str::to_owned)]);
}

#[test]
fn a_policy_judges_the_anchors_of_its_time_where_the_verifier_pins_it() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let (old, new) = (Loopback::new("old", &[Act::Stamp(0)]), Loopback::new("new", &[Act::Stamp(0)]));
    let text = |authority: &Loopback| TrustFile::new(None, vec![authority.root.clone()]).to_text().unwrap();
    let mut vault = open(&copy);
    let mut policies = Vec::new();
    for authority in [&old, &new] {
        let path = copy.path("policy.toml");
        policies.push(vault.record_policy(&text(authority), &path).unwrap().0);
        let seal = vault.seal(vm_seal::selection::Selection::everything()).unwrap().seal_id;
        vault.anchor_one(seal, authority.ask()).unwrap();
    }
    assert_eq!(
        vault.record_policy("format = \"vm-trust-v0\"\nquorum = 1\n", &copy.path("x")).unwrap_err().code(),
        "policy-quorum"
    );
    drop(vault);
    let anchored = |outside: &Outside| {
        let answer = verify_vault(&copy.reader(), outside, now()).unwrap();
        let states = answer.seals.iter().rev().take(2).rev();
        (states.map(|seal| seal.interval.not_after.is_some()).collect::<Vec<_>>(), codes(&answer))
    };
    // Today's policy knows the new authority alone. With the old one pinned, its anchors count, of its time.
    let mut outside = outside(&copy, &[&new], None);
    assert_eq!(anchored(&outside).0, [false, true]);
    let trust = outside.trust.as_mut().unwrap();
    trust.policies = policies.clone();
    assert_eq!(anchored(&outside).0, [true, true]);
    outside.trust.as_mut().unwrap().policies = vec![policies[1]];
    assert_eq!(anchored(&outside).0, [false, true], "the old one was not pinned");
    outside.trust.as_mut().unwrap().policies = policies.clone();
    // Who brings the old policy into force again gains nothing by it.
    let mut vault = open(&copy);
    vault.record_policy(&text(&old), &copy.path("policy.toml")).unwrap();
    let seal = vault.seal(vm_seal::selection::Selection::everything()).unwrap().seal_id;
    vault.anchor_one(seal, old.ask()).unwrap();
    drop(vault);
    outside.head = Some(copy.reader().head().unwrap());
    assert_eq!(anchored(&outside).0, [true, false], "the last two of three seals");
    let kept = copy.path(&format!("trust/{}.toml", policies[0].to_hex()));
    std::fs::write(kept, text(&new)).unwrap();
    let (_, found) = anchored(&outside);
    assert!(found.contains(&Code::ArtifactAltered) && found.contains(&Code::EvidenceUnreadable), "{found:?}");
}

#[test]
fn the_command_names_what_came_of_each() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let (good, away) = (Loopback::new("good", &[Act::Stamp(0)]), Loopback::new("away", &[Act::Decline(404, None)]));
    let seal = scene.seals[1].seal_id.to_string();
    let answer = copy.ran(3, &["anchor", "add", &seal, "--tsa", &good.url, "--tsa", &away.url, "--local"]);
    let outcomes: Vec<_> = answer["result"]["anchors"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["anchored", "refused", "anchored"]);
    assert!(answer["findings"].to_string().contains("anchor-failed"), "{answer}");
    copy.ran(4, &["anchor", "add", &seal, "--tsa", &away.url, "--tsa", &away.url]);
    let answer = copy.ran(0, &["anchor", "add", &seal, "--tsa", &good.url]);
    assert_eq!(answer["result"]["anchors"][0]["outcome"], "anchored");
    assert_eq!(attempts(&copy).len(), 3);
    // What it recorded can be judged outside the vault, by anyone.
    let file = copy.path(answer["result"]["anchors"][0]["path"].as_str().unwrap());
    let bundle = copy.path(scene.seals[1].path.as_str());
    let inspect = |code: i32, words: &[&str]| {
        let (file, bundle) = (file.to_str().unwrap(), bundle.to_str().unwrap());
        copy.ran(code, &[&["anchor", "inspect", file, "--data", bundle], words].concat())
    };
    assert_eq!(inspect(3, &[])["result"]["holds"], false);
    let trust = copy.path("trust.toml");
    std::fs::write(&trust, TrustFile::new(None, vec![good.root.clone()]).to_text().unwrap()).unwrap();
    let trust = ["--trust", trust.to_str().unwrap()];
    assert_eq!(inspect(0, &trust)["result"]["authority"], "good");
    // A token of the future.
    inspect(1, &[trust[0], trust[1], "--at", "2020-01-01T00:00:00Z"]);
}

#[test]
fn the_time_of_a_row_is_an_interval_between_anchors() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let authority = Loopback::new("a", &[Act::Stamp(0)]);
    let mut vault = open(&copy);
    let seal = |vault: &mut Vault| {
        let seal = vault.seal(vm_seal::selection::Selection::everything()).unwrap().seal_id;
        vault.anchor_one(seal, authority.ask()).unwrap().gen_time.unwrap()
    };
    let before = seal(&mut vault);
    thread::sleep(Duration::from_millis(20));
    let input = fixture::meta_artifact("report", serde_json::json!({"n": 1}));
    let row = fixture::record_one(&mut vault, vaultmesh::vault::RecordInput::Artifact(input));
    let after = seal(&mut vault);
    seal(&mut vault);
    drop(vault);
    let outside = outside(&copy, &[&authority], Some(1));
    let answer = vaultmesh::chain::verify_artifact(&copy.reader(), &row.to_string(), true, &outside, now()).unwrap();
    let [recorded] = answer.recorded.as_slice() else { panic!("{:?}", answer.recorded) };
    let (first, last) = (recorded.interval.not_before.unwrap(), recorded.interval.not_after.unwrap());
    // A local authority claims an accuracy of one second, which widens the interval at both ends.
    assert_eq!(first, before.saturating_add_micros(-SECOND));
    assert_eq!(last, after.saturating_add_micros(SECOND));
}
