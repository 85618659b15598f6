//! Anchors between us and foreign tools: OpenSSL believes ours over the stored bundle, and we believe its own.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use fixture::{Copied, Scene, codes, has_tool, later};
use vaultmesh::anchors::Standing;
use vaultmesh::read::Reader;
use vaultmesh::trust::TrustFile;
use vaultmesh::vault::{Ask, Sources, Vault};
use vaultmesh::verify::{Outside, verify_one_seal, verify_vault};
use vm_anchor::{Rail, RootCertificate, TrustPolicy, TrustedAuthority};
use vm_core::id::SealId;
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Verdict};
use vm_core::view::EvidenceView as _;

fn openssl(dir: &Path, words: &[&str]) -> Output {
    Command::new("openssl").args(words).current_dir(dir).output().unwrap()
}

#[track_caller]
fn openssl_ok(dir: &Path, line: &str) {
    let output = openssl(dir, &line.split_whitespace().collect::<Vec<_>>());
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The machine's time: OpenSSL stamps with it.
fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap()).unwrap()
}

#[test]
fn openssl_accepts_our_tokens_over_the_bundle_files() {
    if !has_tool("openssl", "version", "openssl_accepts_our_tokens_over_the_bundle_files") {
        return;
    }
    let scene = Scene::shared();
    let keys = scene.place.keys.join(Reader::open(&scene.place).unwrap().ledger().to_string());
    let root = keys.join("tsa-root.pem");
    let verify = |bundle: &str, token: &str| {
        let words = ["ts", "-verify", "-data", bundle, "-in", token, "-token_in", "-CAfile", root.to_str().unwrap()];
        openssl(&scene.place.vault, &words).status.success()
    };
    let paths = scene.seals.each_ref().map(|seal| (seal.path.to_string(), format!("anchors/{}/0.tst", seal.seal_id)));
    for (bundle, token) in &paths {
        assert!(verify(bundle, token), "{bundle}");
    }
    assert!(!verify(&paths[0].0, &paths[1].1), "it accepts anything");
}

const CONFIG: &str = "
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[signer]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = t
[t]
serial = serial
signer_cert = signer.pem
signer_key = signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
";

/// An authority that OpenSSL runs in a folder.
struct Foreign {
    dir: tempfile::TempDir,
}

impl Foreign {
    fn new() -> Self {
        let dir = fixture::folder();
        fs::write(dir.path().join("tsa.cnf"), CONFIG).unwrap();
        fs::write(dir.path().join("serial"), "01\n").unwrap();
        for name in ["root", "signer"] {
            openssl_ok(dir.path(), &format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"));
        }
        openssl_ok(
            dir.path(),
            "req -x509 -new -key root.key -sha256 -subj /CN=root -days 30 -config tsa.cnf -extensions ca -out root.pem",
        );
        openssl_ok(dir.path(), "req -new -key signer.key -subj /CN=signer -config tsa.cnf -out signer.csr");
        openssl_ok(
            dir.path(),
            "x509 -req -in signer.csr -CA root.pem -CAkey root.key -set_serial 7 -sha256 -extfile tsa.cnf \
             -extensions signer -days 20 -out signer.pem",
        );
        Self { dir }
    }

    /// A whole response over a file, with a nonce and the certificates in it.
    fn stamp(&self, file: &Path) -> Vec<u8> {
        fs::copy(file, self.dir.path().join("data")).unwrap();
        openssl_ok(self.dir.path(), "ts -query -data data -sha256 -cert -out request.tsq");
        openssl_ok(self.dir.path(), "ts -reply -config tsa.cnf -queryfile request.tsq -out response.tsr");
        openssl_ok(self.dir.path(), "ts -reply -in response.tsr -token_out -out token.tst");
        fs::read(self.dir.path().join("response.tsr")).unwrap()
    }

    fn token(&self) -> Vec<u8> {
        fs::read(self.dir.path().join("token.tst")).unwrap()
    }

    fn authority(&self) -> TrustedAuthority {
        let pem = fs::read_to_string(self.dir.path().join("root.pem")).unwrap();
        TrustedAuthority::independent("openssl", RootCertificate::from_pem(&pem).unwrap()).unwrap()
    }

    fn policy(&self) -> TrustPolicy {
        TrustPolicy::new(vec![self.authority()]).unwrap()
    }
}

/// The vault of a copy, opened with the machine's own clock.
fn open(copy: &Copied<'_>) -> Vault {
    Vault::open(&copy.place, Sources::system().unwrap(), std::time::Duration::from_secs(5)).unwrap()
}

fn outside(copy: &Copied<'_>, authorities: Vec<TrustedAuthority>) -> Outside {
    let head = Some(copy.reader().head().unwrap());
    Outside { head, trust: Some(TrustFile::new(None, authorities)), ..copy.scene.outside() }
}

#[test]
fn tokens_of_openssl_are_accepted_over_the_bundle_they_stamp_and_no_other() {
    if !has_tool("openssl", "version", "tokens_of_openssl_are_accepted_over_the_bundle_they_stamp_and_no_other") {
        return;
    }
    let scene = Scene::shared();
    let foreign = Foreign::new();
    for whole_response in [true, false] {
        let copy = scene.copy();
        let mut vault = open(&copy);
        let bundle = copy.path(scene.seals[1].path.as_str());
        let response = foreign.stamp(&bundle);
        let bytes = if whole_response { response } else { foreign.token() };
        let size = copy.reader().view().size().unwrap();
        // Over another seal's bundle it is refused, and nothing is recorded.
        let refused = vault.anchor_given(scene.seals[0].seal_id, Rail::Rfc3161, &bytes, &foreign.policy()).unwrap_err();
        assert_eq!((refused.code(), refused.exit_code()), ("anchor-refused", 2));
        assert_eq!(copy.reader().view().size().unwrap(), size);
        assert!(!copy.path(&format!("anchors/{}/1.tst", scene.seals[0].seal_id)).exists());

        let anchored = vault.anchor_given(scene.seals[1].seal_id, Rail::Rfc3161, &bytes, &foreign.policy()).unwrap();
        assert_eq!((anchored.authority.as_deref(), anchored.independent), (Some("openssl"), true));
        assert_eq!(anchored.path.as_str(), format!("anchors/{}/1.tst", scene.seals[1].seal_id));
        drop(vault);
        let all = [scene.trust.authorities.clone(), vec![foreign.authority()]].concat();
        let answer = verify_vault(&copy.reader(), &outside(&copy, all), now()).unwrap();
        assert_eq!(answer.verdict, Verdict::Verified, "{:?}", answer.report.findings());
        let independent = answer.seals[1].anchors.iter().filter(|anchor| anchor.accepted && anchor.independent);
        assert_eq!(independent.count(), 1);
        // Whoever believes in that authority alone has no accepted anchor over the first seal.
        let one = outside(&copy, vec![foreign.authority()]);
        let answer = verify_one_seal(&copy.reader(), scene.seals[1].seal_id, &one, now()).unwrap();
        assert!(answer.seals[0].anchors.iter().any(|anchor| anchor.accepted));
        let answer = verify_vault(&copy.reader(), &one, now()).unwrap();
        assert_eq!(codes(&answer), [Code::NoTrustRoot, Code::SealUnanchored].into());
    }
}

#[test]
fn a_token_of_an_authority_that_nobody_named_is_kept_and_does_not_count() {
    if !has_tool("openssl", "version", "a_token_of_an_authority_that_nobody_named_is_kept_and_does_not_count") {
        return;
    }
    let scene = Scene::shared();
    let copy = scene.copy();
    let foreign = Foreign::new();
    foreign.stamp(&copy.path(scene.seals[1].path.as_str()));
    let mut vault = open(&copy);
    let anchored =
        vault.anchor_given(scene.seals[1].seal_id, Rail::Rfc3161, &foreign.token(), &TrustPolicy::default()).unwrap();
    assert_eq!((anchored.authority, anchored.gen_time), (None, None));
    drop(vault);
    let answer = verify_vault(&copy.reader(), &outside(&copy, scene.trust.authorities.clone()), now()).unwrap();
    // The local authority satisfies this policy, which does not ask for another; that one could not be checked is told.
    assert_eq!(answer.verdict, Verdict::Verified, "{:?}", answer.report.findings());
    let unknown = format!("{}", anchored.recorded.id);
    let told = |check: &&String| check.contains(&unknown) && check.contains("no-trust-root");
    assert_eq!(answer.report.checks().iter().filter(told).count(), 1, "{:?}", answer.report.checks());
    let state = answer.seals[1].anchors.iter().find(|anchor| anchor.source == unknown).unwrap();
    assert_eq!((state.state, state.accepted), (Standing::Undecided, false));
    let answer = verify_vault(&copy.reader(), &outside(&copy, Vec::new()), now()).unwrap();
    assert_eq!(codes(&answer), [Code::NoTrustRoot, Code::RowsUnsealed, Code::SealUnanchored].into());
}

#[test]
fn what_is_no_token_is_refused_and_nothing_is_recorded() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let token = fs::read(copy.path(&format!("anchors/{}/0.tst", scene.seals[1].seal_id))).unwrap();
    let mut vault = fixture::reopen(&copy.place, 71);
    let policy = scene.trust.policy().unwrap();
    let size = copy.reader().view().size().unwrap();
    let mut flipped = token.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("text", b"hello".to_vec()),
        ("half a token", token[..token.len() / 2].to_vec()),
        ("a bad signature", flipped),
        ("a token and more", [token.as_slice(), b"x"].concat()),
        (
            "the token of another seal",
            fs::read(copy.path(&format!("anchors/{}/0.tst", scene.seals[0].seal_id))).unwrap(),
        ),
    ] {
        let error = vault.anchor_given(scene.seals[1].seal_id, Rail::Rfc3161, &bytes, &policy).unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("anchor-refused", 2), "{what}");
    }
    let unknown = SealId::from_bytes([7; 16]);
    assert_eq!(vault.anchor_given(unknown, Rail::Rfc3161, &token, &policy).unwrap_err().code(), "not-found");
    // Over a bundle that was changed since, nothing can be anchored: the token would not be over the sealed bytes.
    fs::write(copy.path(scene.seals[1].path.as_str()), "{}").unwrap();
    assert_eq!(vault.anchor_local(scene.seals[1].seal_id).unwrap_err().exit_code(), 2);
    assert_eq!(copy.reader().view().size().unwrap(), size);
}

#[test]
fn every_flipped_byte_of_a_stored_token_is_contradicted() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let path = copy.path(&format!("anchors/{}/0.tst", scene.seals[1].seal_id));
    let token = fs::read(&path).unwrap();
    for at in (0..token.len()).step_by(11) {
        let mut flipped = token.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, flipped).unwrap();
        let answer = copy.contradicts(Code::ArtifactAltered, &format!("byte {at}"));
        assert!(!answer.report.has(Code::AnchorMissing));
    }
}

#[test]
fn an_anchor_before_its_seal_is_backdated() {
    let scene = Scene::shared();
    let copy = scene.copy();
    // The authority's clock stands at the beginning, the vault's a day later.
    let mut vault = fixture::reopen(&copy.place, 73);
    let seal = vault.seal(vm_seal::selection::Selection::everything()).unwrap();
    drop(vault);
    let mut early = Vault::open(
        &copy.place,
        fixture::sources_at(74, fixture::start().saturating_add_micros(60_000_000)),
        std::time::Duration::from_secs(5),
    )
    .unwrap();
    early.anchor_local(seal.seal_id).unwrap();
    drop(early);
    let answer = verify_vault(&copy.reader(), &outside(&copy, scene.trust.authorities.clone()), later()).unwrap();
    assert_eq!(answer.verdict, Verdict::Contradicted);
    assert!(answer.report.has(Code::AnchorBackdated) && answer.report.has(Code::SealUnanchored));
}

#[cfg(feature = "client")]
mod http {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread;
    use vm_anchor::authority::LocalAuthority;

    /// Serves one exchange on loopback; `answer` makes the body of the reply from the request.
    fn serve(answer: impl FnOnce(&[u8]) -> Vec<u8> + Send + 'static) -> (String, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/tsr", listener.local_addr().unwrap());
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (_, body) = fixture::read_request(&mut stream);
            let reply = answer(&body);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nConnection: close\r\n";
            stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", reply.len()).as_bytes()).unwrap();
            stream.write_all(&reply).unwrap();
        });
        (url, served)
    }

    fn ask(url: &str, root: impl Into<Option<TrustedAuthority>>) -> Ask {
        Ask::Tsa { name: "wire".to_owned(), url: url.to_owned(), root: root.into(), pace: std::time::Duration::ZERO }
    }

    #[test]
    fn a_token_is_fetched_checked_and_recorded() {
        let scene = Scene::shared();
        let copy = scene.copy();
        let mut vault = open(&copy);
        let authority = LocalAuthority::generate("across the wire", now()).unwrap();
        let trusted = TrustedAuthority::independent("wire", authority.root().clone()).unwrap();
        let (url, served) = serve(move |request| authority.respond(request, now()).unwrap());
        let anchored = vault.anchor_one(scene.seals[1].seal_id, ask(&url, trusted.clone())).unwrap();
        served.join().unwrap();
        assert_eq!((anchored.authority.as_deref(), anchored.independent), (Some("wire"), true));
        drop(vault);
        let all = [scene.trust.authorities.clone(), vec![trusted]].concat();
        let answer = verify_vault(&copy.reader(), &outside(&copy, all), now()).unwrap();
        assert_eq!(answer.verdict, Verdict::Verified, "{:?}", answer.report.findings());
    }

    #[test]
    fn a_bad_answer_is_refused_and_only_the_attempt_is_recorded() {
        let scene = Scene::shared();
        let copy = scene.copy();
        let mut vault = open(&copy);
        let size = copy.reader().view().size().unwrap();
        let authority = || LocalAuthority::generate("across the wire", now()).unwrap();
        let mut other = authority();
        let root = other.root().clone();
        let trusted = TrustedAuthority::independent("wire", root).unwrap();
        // An answer to another request: its nonce, and its imprint, are not ours.
        let stale = {
            let request = vm_anchor::rfc3161::Request::new(&vm_core::digest::Sha256Digest::of(b"other"), &[7; 16]);
            other.respond(&request.unwrap().to_der(), now()).unwrap()
        };
        let (url, served) = serve(move |_| stale);
        let error = vault.anchor_one(scene.seals[1].seal_id, ask(&url, trusted)).unwrap_err();
        served.join().unwrap();
        assert_eq!(error.code(), "anchor-refused");
        other = authority();
        let (url, served) = serve(move |_| b"no answer".to_vec());
        let trusted = TrustedAuthority::independent("wire", other.root().clone()).unwrap();
        let error = vault.anchor_one(scene.seals[1].seal_id, ask(&url, trusted)).unwrap_err();
        served.join().unwrap();
        assert_eq!(error.exit_code(), 4, "{}", error.code());
        // Nobody listens there any more.
        let error = vault.anchor_one(scene.seals[1].seal_id, ask(&url, None)).unwrap_err();
        assert_eq!(error.exit_code(), 4, "{}", error.code());
        // What was announced, and that it was tried three times.
        assert_eq!(copy.reader().view().size().unwrap(), size + 4);
    }
}
