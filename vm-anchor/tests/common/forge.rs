//! A forger: certificates of every kind under one root, tokens over any TSTInfo, signed by OpenSSL or by hand.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use vm_anchor::VerifiedAnchor;
use vm_anchor::rfc3161::{Check, Request};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

use super::{Folder, SHA256, generalized, make_certificate, make_root, now, reasons, tlv};

pub(crate) const NONCE: [u8; 8] = [0x11, 2, 3, 4, 5, 6, 7, 8];
/// `1.2.3.4.1`
pub(crate) const POLICY: [u8; 6] = [0x06, 0x04, 0x2a, 0x03, 0x04, 0x01];
/// SHA-512 without parameters, and Ed25519.
const SHA512: [u8; 13] = [0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
const ED25519: [u8; 7] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
const ECDSA_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// The parts of a TSTInfo that a case may change.
#[derive(Clone)]
pub(crate) struct Info {
    pub(crate) version: u8,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) digest: Vec<u8>,
    pub(crate) gen_time: String,
    pub(crate) tail: Vec<u8>,
}

pub(crate) fn good() -> Info {
    Info {
        version: 1,
        algorithm: SHA256.to_vec(),
        digest: Sha256Digest::of(b"data").as_bytes().to_vec(),
        gen_time: generalized(now()),
        tail: tlv(0x02, &[&NONCE]),
    }
}

impl Info {
    pub(crate) fn to_der(&self) -> Vec<u8> {
        let imprint = tlv(0x30, &[&self.algorithm, &tlv(0x04, &[&self.digest])]);
        let version = tlv(0x02, &[&[self.version]]);
        let (serial, time) = (tlv(0x02, &[&[42]]), tlv(0x18, &[self.gen_time.as_bytes()]));
        tlv(0x30, &[&version, &POLICY, &imprint, &serial, &time, &self.tail])
    }
}

pub(crate) const SIGN: &str = "cms -sign -binary -nodetach -econtent_type 1.2.840.113549.1.9.16.1.4 -cades -md sha256 \
                    -in info.der -outform der -out token.tst";

pub(crate) struct Forge {
    pub(crate) folder: Folder,
}

impl Forge {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        make_root(&folder, "root", "p256");
        make_root(&folder, "other", "p256");
        make_certificate(&folder, "good", "p256", "root", "good", "");
        Self { folder }
    }

    /// A certificate under the root; `more` are words for `openssl x509`.
    pub(crate) fn certificate(&self, name: &str, kind: &str, section: &str, more: &str) {
        make_certificate(&self.folder, name, kind, "root", section, more);
    }

    /// Signs `info` with a named signer; `more` are words for `openssl cms`, which come last and so win.
    pub(crate) fn sign(&self, info: &Info, signer: &str, more: &str) -> Vec<u8> {
        self.sign_as(SIGN, info, signer, more)
    }

    /// As [`Self::sign`], with other words for the rest of it.
    pub(crate) fn sign_as(&self, words: &str, info: &Info, signer: &str, more: &str) -> Vec<u8> {
        self.folder.write("info.der", &info.to_der());
        self.folder.openssl(&format!("{words} -signer {signer}.pem -inkey {signer}.key {more}"));
        self.folder.read("token.tst")
    }

    pub(crate) fn der(&self, name: &str) -> Vec<u8> {
        self.folder.root(&format!("{name}.pem")).as_der().to_vec()
    }

    fn pkcs8(&self, name: &str) -> Vec<u8> {
        self.folder.openssl(&format!("pkcs8 -topk8 -nocrypt -in {name}.key -outform der -out {name}.p8"));
        self.folder.read(&format!("{name}.p8"))
    }

    /// A token signed by hand: its signed attributes in the order that `arrange` leaves them in.
    pub(crate) fn by_hand(&self, info: &Info, signer: &str, arrange: impl Fn(&mut Vec<Vec<u8>>)) -> Vec<u8> {
        let is_edwards = signer == "ed25519";
        let info = info.to_der();
        let certificate = self.der(signer);
        let hash = if is_edwards { &ring::digest::SHA512 } else { &ring::digest::SHA256 };
        let algorithm = if is_edwards { &SHA512[..] } else { &SHA256[..] };
        let attribute = |last: &[u8], value: &[u8]| {
            let oid = tlv(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09], last]);
            tlv(0x30, &[&oid, &tlv(0x31, &[value])])
        };
        let tst_info = tlv(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04]]);
        let digest = tlv(0x04, &[ring::digest::digest(hash, &info).as_ref()]);
        let ess = tlv(0x04, &[Sha256Digest::of(&certificate).as_bytes()]);
        let ess = tlv(0x30, &[&tlv(0x30, &[&tlv(0x30, &[&ess])])]);
        let mut attributes =
            vec![attribute(&[3], &tst_info), attribute(&[4], &digest), attribute(&[0x10, 0x02, 0x2f], &ess)];
        attributes.sort();
        arrange(&mut attributes);
        let attributes = attributes.concat();
        let message = tlv(0x31, &[&attributes]);
        let (named, signature) = if is_edwards {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&self.pkcs8(signer)).unwrap();
            (&ED25519[..], key.sign(&message).as_ref().to_vec())
        } else {
            let random = ring::rand::SystemRandom::new();
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.pkcs8(signer), &random).unwrap();
            (&ECDSA_SHA256[..], key.sign(&random, &message).unwrap().as_ref().to_vec())
        };
        let id = issuer_and_serial(&certificate);
        let (attributes, signature) = (tlv(0xa0, &[&attributes]), tlv(0x04, &[&signature]));
        let signer = tlv(0x30, &[&[2, 1, 1], &id, algorithm, &attributes, named, &signature]);
        let content = tlv(0x30, &[&tst_info, &tlv(0xa0, &[&tlv(0x04, &[&info])])]);
        let parts = [&[2, 1, 3][..], &tlv(0x31, &[algorithm]), &content, &tlv(0xa0, &[&certificate])];
        let signed_data = tlv(0x30, &[&parts.concat(), &tlv(0x31, &[&signer])]);
        let kind = tlv(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02]]);
        tlv(0x30, &[&kind, &tlv(0xa0, &[&signed_data])])
    }

    /// Judges under `root` with the check that `more` makes of the usual one.
    pub(crate) fn judge_with<'a>(
        &self,
        token: &[u8],
        policy: &'a vm_anchor::TrustPolicy,
        now: Instant,
        more: impl Fn(Check<'a>) -> Check<'a>,
    ) -> (Vec<String>, Verdict, Option<VerifiedAnchor>) {
        let request = Request::new(&Sha256Digest::of(b"data"), &NONCE).unwrap();
        let (report, anchor) = more(Check::new(policy, now).answers(&request)).token(token);
        assert_eq!(anchor.is_some(), report.verdict() == Verdict::Verified);
        (reasons(&report), report.verdict(), anchor)
    }

    pub(crate) fn judge(&self, token: &[u8], root: &str) -> (Vec<String>, Verdict) {
        let policy = self.folder.policy(root);
        let (reasons, verdict, _) = self.judge_with(token, &policy, now(), |check| check);
        (reasons, verdict)
    }
}

fn issuer_and_serial(certificate: &[u8]) -> Vec<u8> {
    use x509_cert::der::{Decode, Encode};
    let certificate = x509_cert::Certificate::from_der(certificate).unwrap();
    let tbs = certificate.tbs_certificate();
    tlv(0x30, &[&tbs.issuer().to_der().unwrap(), &tbs.serial_number().to_der().unwrap()])
}

/// The token as it is, and with the two certificates of its bag turned round.
pub(crate) fn both_orders(token: &[u8]) -> [Vec<u8>; 2] {
    let parsed = vm_anchor::rfc3161::Token::parse(token).unwrap();
    let bag: Vec<&[u8]> = parsed.certificates().collect();
    assert_eq!(bag.len(), 2);
    let (there, back) = (bag.concat(), [bag[1], bag[0]].concat());
    let start = token.windows(there.len()).position(|window| window == there).unwrap();
    let mut turned = token.to_vec();
    turned[start..start + back.len()].copy_from_slice(&back);
    [token.to_vec(), turned]
}
