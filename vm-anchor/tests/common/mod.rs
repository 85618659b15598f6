//! Helpers of the tests: a temporary folder, OpenSSL as a foreign authority and verifier, a few bytes of DER.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod forge;
pub(crate) mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use vm_anchor::{RootCertificate, TrustPolicy, TrustedAuthority};
use vm_core::instant::Instant;
use vm_core::verdict::Report;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder that is removed when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vm-anchor-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    /// Runs `openssl` with these words in this folder.
    pub(crate) fn try_openssl(&self, words: &str) -> Output {
        Command::new("openssl").args(words.split_whitespace()).current_dir(&self.0).output().unwrap()
    }

    pub(crate) fn openssl(&self, words: &str) {
        let output = self.try_openssl(words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words}: {errors}");
    }

    pub(crate) fn root(&self, name: &str) -> RootCertificate {
        RootCertificate::from_pem(&String::from_utf8(self.read(name)).unwrap()).unwrap()
    }

    pub(crate) fn policy(&self, root: &str) -> TrustPolicy {
        let authority = TrustedAuthority::independent("openssl", self.root(root)).unwrap();
        TrustPolicy::new(vec![authority]).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether OpenSSL is there; where it is not, says on stderr which test did not run.
pub(crate) fn has_openssl(test: &str) -> bool {
    let found = Command::new("openssl").arg("version").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("interop: {test} did not run: no openssl on this machine");
    }
    found
}

/// The machine's time, since OpenSSL stamps with it.
pub(crate) fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap()).unwrap()
}

/// The stable words of a report's findings: the reason where one is given, else the code.
pub(crate) fn reasons(report: &Report) -> Vec<String> {
    report
        .findings()
        .iter()
        .map(|finding| finding.found_value().unwrap_or(finding.code().as_str()))
        .map(str::to_owned)
        .collect()
}

const EXTENSIONS: &str = "
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[good]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
[no_eku]
keyUsage = critical,digitalSignature
[eku_not_critical]
extendedKeyUsage = timeStamping
[eku_extra]
extendedKeyUsage = critical,timeStamping,codeSigning
[eku_any]
extendedKeyUsage = critical,anyExtendedKeyUsage
[ca_bit]
basicConstraints = critical,CA:TRUE
extendedKeyUsage = critical,timeStamping
[no_signing]
basicConstraints = critical,CA:TRUE
keyUsage = critical,cRLSign
subjectKeyIdentifier = hash
[mute]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[critical]
extendedKeyUsage = critical,timeStamping
1.2.3.4 = critical,ASN1:NULL
[eku_servers]
basicConstraints = critical,CA:TRUE
extendedKeyUsage = serverAuth
[key_usage]
keyUsage = critical,keyEncipherment
extendedKeyUsage = critical,timeStamping
";

/// The words of `openssl genpkey` for a kind of key.
fn genpkey(kind: &str) -> String {
    match kind {
        "p256" => "-algorithm EC -pkeyopt ec_paramgen_curve:P-256".into(),
        "p224" => "-algorithm EC -pkeyopt ec_paramgen_curve:P-224".into(),
        "p384" => "-algorithm EC -pkeyopt ec_paramgen_curve:P-384".into(),
        "ed25519" => "-algorithm ED25519".into(),
        "p521" => "-algorithm EC -pkeyopt ec_paramgen_curve:P-521".into(),
        bits => format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{bits}"),
    }
}

/// Makes `NAME.key` and a self-signed `NAME.pem`.
pub(crate) fn make_root(folder: &Folder, name: &str, kind: &str) {
    folder.write("ext.cnf", EXTENSIONS.as_bytes());
    folder.openssl(&format!("genpkey {} -out {name}.key", genpkey(kind)));
    folder.openssl(&format!(
        "req -x509 -new -key {name}.key -sha256 -subj /CN={name} -days 3650 -config ext.cnf -extensions ca -out {name}.pem"
    ));
}

/// Makes `NAME.key` and `NAME.pem` under the CA `issuer` with the extensions of a section; `more` are words for
/// `openssl x509`.
pub(crate) fn make_certificate(folder: &Folder, name: &str, kind: &str, issuer: &str, section: &str, more: &str) {
    folder.openssl(&format!("genpkey {} -out {name}.key", genpkey(kind)));
    folder.openssl(&format!("req -new -key {name}.key -subj /CN={name} -config ext.cnf -out {name}.csr"));
    let serial = 1000 + NEXT.fetch_add(1, Ordering::Relaxed);
    let days = if more.contains("-days") { "" } else { "-days 1000" };
    folder.openssl(&format!(
        "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -set_serial {serial} -sha256 -extfile ext.cnf -extensions {section} {days} {more} -out {name}.pem"
    ));
}

/// One DER element.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=127 => out.push(u8::try_from(length).unwrap()),
        length @ 128..=255 => out.extend([0x81, u8::try_from(length).unwrap()]),
        length => {
            out.push(0x82);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    out.extend(content);
    out
}

/// Header length and whole length of the DER element that starts `bytes`.
pub(crate) fn extent(bytes: &[u8]) -> (usize, usize) {
    let first = usize::from(bytes[1]);
    if first < 0x80 {
        return (2, 2 + first);
    }
    let count = first - 0x80;
    let length = bytes[2..2 + count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    (2 + count, 2 + count + length)
}

/// SHA-256 with its NULL parameters, as an AlgorithmIdentifier.
pub(crate) const SHA256: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];

/// `YYYYMMDDhhmmssZ` of an instant.
pub(crate) fn generalized(at: Instant) -> String {
    let text = at.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
    format!("{digits}Z")
}

/// The token with a revocation list put into it, behind its certificates.
pub(crate) fn with_crl(token: &[u8], list: &[u8]) -> Vec<u8> {
    let (outer, _) = extent(token);
    let oid = extent(&token[outer..]).1;
    let explicit = outer + oid + extent(&token[outer + oid..]).0;
    let (header, whole) = extent(&token[explicit..]);
    let body = &token[explicit + header..explicit + whole];
    // Version, digest algorithms, content, certificates.
    let mut at = 0;
    for _ in 0..4 {
        at += extent(&body[at..]).1;
    }
    let body = [&body[..at], &tlv(0xa1, &[list]), &body[at..]].concat();
    tlv(0x30, &[&token[outer..outer + oid], &tlv(0xa0, &[&tlv(0x30, &[&body])])])
}
