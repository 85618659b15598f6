//! Path validation beside the NIST PKITS suite, 2011: each end-entity certificate of it, with all certificates and lists
//! of the suite at hand, at one time. The table is `tests/data/pkits_verdicts.tsv`; `VAULTMESH_WRITE_DOCS=1` writes it again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::table::{self, vectors};
use vm_anchor::rfc3161::{Revocation, verify_path};
use vm_anchor::{RootCertificate, TrustPolicy, TrustedAuthority};
use vm_core::instant::Instant;

const HEADING: &str = "certificate\texpected\tfound\tagrees\twhy not";

fn at() -> Instant {
    "2020-06-01T00:00:00.000000Z".parse().unwrap()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Whether the suite says that the path holds, under its default settings: any policy, none demanded.
fn is_expected(name: &str) -> bool {
    let empty_policy_set = ["Test4EE", "Test5EE", "Test7EE", "Test8EE", "Test9EE", "Test12EE"];
    let is_different = name.strip_prefix("DifferentPolicies").is_some_and(|test| empty_policy_set.contains(&test));
    !name.starts_with("Invalid") && !is_different
}

/// Why the library decides otherwise than the suite: by what the test is about, and what was found.
fn why(name: &str, found: &str) -> &'static str {
    let is_about = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match found {
        "ok" if is_about(&["Polic", "Explicit", "Mapping"]) => {
            "certificate policies are not processed: a time stamp's policy stands in the TSTInfo"
        }
        "path-critical-extension" if is_about(&["Polic", "Explicit", "Mapping", "Qualifier"]) => {
            "critical policy extensions are not read, and what is not read is not passed over"
        }
        "path-unsupported" if is_about(&["DSA"]) => "DSA is not read",
        "revocation-unsupported" if is_about(&["delta"]) => "delta lists are not read",
        "revocation-unsupported" | "revocation-unknown" if is_about(&["cRLIssuer", "indirect"]) => {
            "indirect lists are not read"
        }
        "revocation-unknown"
            if is_about(&["SeparateCertificateandCRLKeys", "CRLSigningKey", "NewWithOld", "OldWithNew"]) =>
        {
            "a list signed by another key of the issuer than the one that signed the certificate is not used"
        }
        "revocation-unknown" if is_about(&["onlySomeReasons"]) => "lists of some reasons are not added up to all",
        "ok" | "key-compromised" if is_about(&["delta"]) => "delta lists are not read; the full list alone decides",
        "signer-is-ca" => "the certificate is a CA's, which signs no time stamps",
        "path-name-constraint" if is_about(&["RFC822", "URI"]) => {
            "constraints on mail addresses and URIs are not compared, so they are not met"
        }
        "path-name-constraint" | "no-trust-root" if is_about(&["DN"]) => {
            "constraints on directory names are not compared, so they are not met"
        }
        "path-invalid" if is_about(&["NameUIDs"]) => "unique identifiers of issuer and subject are not read",
        "path-invalid" if is_about(&["pre2000"]) => "times before 1970 are not read",
        "no-trust-root" if is_about(&["SelfIssuedpathLen"]) => {
            "self-issued certificates count towards the path's length"
        }
        "revocation-unknown" if is_about(&["distributionPoint"]) => {
            "distribution points named relative to the issuer are not resolved"
        }
        "no-trust-root" if is_about(&["Name", "UTF8", "Rollover"]) => {
            "names are compared as their bytes stand, not folded for case, blanks and kind of string"
        }
        _ => "?",
    }
}

#[test]
fn every_path_of_the_suite_has_a_written_verdict() {
    let Some(folder) = vectors("nist_pkits") else { return };
    let certificates = files(&folder.join("certs"));
    let lists = files(&folder.join("crls"));
    let of = |wanted: &str| &certificates.iter().find(|(name, _)| name == wanted).unwrap().1;
    let root = RootCertificate::from_der(of("TrustAnchorRootCertificate")).unwrap();
    let policy = TrustPolicy::new(vec![TrustedAuthority::independent("pkits", root).unwrap()]).unwrap();
    let lists: Vec<&[u8]> = lists.iter().map(|(_, list)| list.as_slice()).collect();
    let bag: Vec<&[u8]> =
        certificates.iter().filter(|(name, _)| name.ends_with("Cert")).map(|(_, der)| der.as_slice()).collect();
    let revocation = Revocation::new(at()).lists(&lists).required(true);
    let mut rows = Vec::new();
    let mut unexplained_trust = Vec::new();
    for (name, certificate) in certificates.iter().filter(|(name, _)| name.ends_with("EE")) {
        let found = verify_path(certificate, &bag, &policy, at(), &revocation);
        let found = found.map_or_else(|defect| defect.code(), |_| "ok");
        let expected = is_expected(name);
        let agrees = expected == (found == "ok");
        let reason = if agrees { "" } else { why(name, found) };
        if !expected
            && found == "ok"
            && !reason.contains("policies are not processed")
            && !reason.contains("delta lists")
        {
            unexplained_trust.push(name);
        }
        let words = if expected { "ok" } else { "refused" };
        rows.push([name.as_str(), words, found, if agrees { "yes" } else { "no" }, reason].join("\t"));
    }
    let unexplained: Vec<&String> = rows.iter().filter(|row| row.ends_with('?')).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert!(rows.len() > 200, "{}", rows.len());
    assert!(unexplained_trust.is_empty(), "{unexplained_trust:?}");
    table::check("pkits_verdicts.tsv", HEADING, &rows);
}
