//! What a check of a token refuses: one table of reason, finding and rule.

/// An enum of what a check refuses, from one table: the stable code of each defect, the finding it makes, the rule broken.
macro_rules! defects {
    ($(#[$attribute:meta])* $name:ident: $($variant:ident $code:literal $finding:ident $rule:literal)*) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("Broken rule: ", $rule, ".")] $variant,)*
        }

        impl $name {
            /// Every defect, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Stable reason, as it stands in a finding.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The finding this defect makes.
            #[must_use]
            pub const fn finding(self) -> vm_core::verdict::Code {
                match self { $(Self::$variant => vm_core::verdict::Code::$finding,)* }
            }

            /// The rule that was broken.
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$variant => $rule,)* }
            }

            /// The finding about `subject`, with rule and reason.
            pub(crate) fn about(self, subject: &str) -> vm_core::verdict::Finding {
                vm_core::verdict::Finding::new(self.finding(), subject).expected_found(self.rule(), self.code())
            }

            /// Notes a check about `subject`, and what was found, if anything was.
            pub(crate) fn note<T>(
                report: &mut vm_core::verdict::Report,
                subject: &str,
                what: &str,
                result: Result<T, Self>,
            ) -> Option<T> {
                report.checked(format!("{subject}: {what}"));
                result.map_err(|defect| report.find(defect.about(subject))).ok()
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}
pub(crate) use defects;

defects! {
    /// What a check of a token refuses.
    Defect:
    StatusNotGranted "status-not-granted" AnchorInvalid "the response's status is granted"
    StatusWithoutToken "status-without-token" AnchorInvalid "a granted response holds a token"
    TstInfoVersion "tst-info-version" AnchorInvalid "the TSTInfo is of version 1"
    TstInfoExtension "tst-info-critical-extension" AnchorInvalid "no extension of the TSTInfo is critical"
    ImprintMismatch "imprint-mismatch" AnchorInvalid "the imprint is the digest of what was stamped"
    ImprintLength "imprint-length" AnchorInvalid "the imprint is as long as its hash"
    ImprintWeak "imprint-weak" AnchorInvalid "the imprint is of the SHA-2 family, not MD5 or SHA-1"
    ImprintUnsupported "imprint-unsupported" FormatUnknown "the imprint is SHA-224, SHA-256, SHA-384, SHA-512 or SHA-512/256"
    ImprintNotGiven "imprint-not-given" EvidenceUnreadable "what should be stamped is given"
    ImprintNeedsData "imprint-needs-data" EvidenceUnreadable "the data is given where the imprint is not SHA-256"
    NonceMissing "nonce-missing" AnchorInvalid "the token holds the nonce that was sent"
    NonceMismatch "nonce-mismatch" AnchorInvalid "the token's nonce is the one that was sent"
    PolicyMismatch "policy-mismatch" AnchorInvalid "the token is issued under the policy asked for"
    GenTimeInFuture "gen-time-in-future" AnchorInvalid "genTime is at most five minutes ahead of the clock"
    SignedDataVersion "signed-data-version" AnchorInvalid "the SignedData is of version 3"
    SignerCount "signer-count" AnchorInvalid "exactly one signer"
    SignerVersion "signer-version" AnchorInvalid "the SignerInfo is of version 1 with issuer and serial, 3 with a key identifier"
    AlgorithmParameters "algorithm-parameters" AnchorInvalid "algorithm parameters are absent, or NULL where that is allowed"
    AlgorithmMismatch "algorithm-mismatch" AnchorInvalid "digest, signature algorithm and key agree"
    DigestWeak "digest-weak" AnchorInvalid "the signature's hash is of the SHA-2 family, not MD5 or SHA-1"
    DigestUnsupported "digest-unsupported" FormatUnknown "the signature's hash is SHA-256, SHA-384 or SHA-512"
    DigestUnlisted "digest-unlisted" AnchorInvalid "digestAlgorithms lists the signer's"
    SignedAttributesMissing "signed-attributes-missing" AnchorInvalid "there are signed attributes"
    AttributeRepeated "attribute-repeated" AnchorInvalid "no signed attribute stands twice, and one that is used has one value"
    ContentType "content-type" AnchorInvalid "the signed contentType is id-ct-TSTInfo"
    MessageDigest "message-digest" AnchorInvalid "the signed messageDigest is that of the TSTInfo"
    EssMissing "ess-missing" AnchorInvalid "a signed attribute names the signer's certificate"
    EssMalformed "ess-malformed" AnchorInvalid "the signing-certificate attribute can be read"
    EssMismatch "ess-mismatch" AnchorInvalid "the certificate is the one whose hash was signed"
    EssHashUnsupported "ess-hash-unsupported" FormatUnknown "the certificate is bound by SHA-1 or SHA-2"
    SignerCertificateMissing "signer-certificate-missing" EvidenceUnreadable "the token holds its signer's certificate"
    CertificateMalformed "certificate-malformed" AnchorInvalid "the signer's certificate can be read"
    SignatureUnsupported "signature-unsupported" FormatUnknown "the signature is RSA PKCS#1 v1.5, RSA PSS with a salt as long as its hash, ECDSA or Ed25519"
    KeyUnsupported "key-unsupported" FormatUnknown "an ECDSA key is on P-256, P-384 or P-521, an RSA key has at most 8192 bits and an exponent of at most 33"
    KeyTooShort "key-too-short" AnchorInvalid "an RSA key has 2048 bits or more"
    SignatureInvalid "signature-invalid" AnchorInvalid "the signature holds under the signer's key"
    ExtendedKeyUsageMissing "eku-missing" AnchorInvalid "the signer's certificate has an extended key usage"
    ExtendedKeyUsageNotCritical "eku-not-critical" AnchorInvalid "the signer's extended key usage is critical"
    ExtendedKeyUsageOther "eku-other" AnchorInvalid "the signer's extended key usage is time stamping and nothing else"
    KeyUsage "key-usage" AnchorInvalid "the signer's key usage is for signatures only"
    SignerIsCa "signer-is-ca" AnchorInvalid "the signer's certificate is not that of a CA"
    TsaName "tsa-name" AnchorInvalid "the tsa field is a subject name of the signer's certificate"
    CertificateExpired "certificate-expired" AnchorInvalid "the signer's certificate had not expired at genTime"
    CertificateNotYetValid "certificate-not-yet-valid" AnchorInvalid "the signer's certificate was valid already at genTime"
    NoTrustRoot "no-trust-root" NoTrustRoot "the path ends at a root that the trust policy names"
    RootNotValid "root-not-valid" AnchorInvalid "the pinned root was valid at genTime"
    PathExpired "path-expired" AnchorInvalid "no certificate of the path had expired at genTime"
    PathNotYetValid "path-not-yet-valid" AnchorInvalid "every certificate of the path was valid already at genTime"
    PathNameConstraint "path-name-constraint" AnchorInvalid "the names keep the path's constraints"
    PathLength "path-length" AnchorInvalid "the path keeps its length constraints"
    PathNotCa "path-not-ca" AnchorInvalid "every issuer of the path is a CA"
    PathUsage "path-usage" AnchorInvalid "an issuer with an extended key usage allows time stamping"
    PathCriticalExtension "path-critical-extension" FormatUnknown "every critical extension of the path is understood"
    PathUnsupported "path-unsupported" FormatUnknown "the path's certificates are of version 3, with SHA-2 and RSA or ECDSA"
    CertificateRevoked "certificate-revoked" AnchorRevoked "no certificate of the path had been revoked at genTime"
    KeyCompromised "key-compromised" AnchorRevoked "no certificate of the path was revoked for a reason that voids all its key signed"
    RevocationUnknown "revocation-unknown" EvidenceUnreadable "where it is demanded, a revocation list clears each certificate of the path"
    RevocationUnsupported "revocation-unsupported" FormatUnknown "where it is demanded, a list that is neither delta nor indirect clears each certificate of the path"
    PathInvalid "path-invalid" AnchorInvalid "the path's certificates can be read and used"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defects_have_distinct_codes_and_change_the_verdict() {
        let mut seen = std::collections::BTreeSet::new();
        for defect in Defect::ALL {
            assert!(seen.insert(defect.code()), "{defect}");
            let severity = defect.finding().severity();
            assert!(severity > vm_core::verdict::Severity::Remark, "{defect}");
        }
    }
}
