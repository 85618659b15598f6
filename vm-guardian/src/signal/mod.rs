//! Signals: what guardians learn from. `docs/spec/guardian-signal.md` is the stored format.
//!
//! ```text
//! {"actor":"node-1","at":"2026-09-03T16:00:00.000000Z","benign":null,"format":"vm-guardian-signal-v0",
//!  "key":"<64 hex>","kind":"falco.alert","subject":"Terminal shell in container","value":2}
//! ```

pub mod falco;
mod lines;
pub mod tetragon;

use serde::Deserialize;
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::error::CanonicalError;
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::record::{LogEntry, RowDraft, RowHeader, StoredRow, Table};
use vm_core::redact::SecretDetector;
use vm_core::source::Entropy;

use crate::artifact::draft;
use crate::enrolment::Enrolments;
use crate::error::{FormatError, GuardError};
use crate::proposal::EvidenceRef;

pub use lines::{BYTES_MAX, FAULTS_MAX, LINE_MAX, LINES_MAX, LineFault, SignalLog};

/// Kind of the rows that hold signals.
pub const SIGNAL_KIND: &str = "guardian_signal";
/// Format string of a signal.
pub const SIGNAL_FORMAT: &str = "vm-guardian-signal-v0";
/// Longest actor in bytes: a host name has at most 253, a key 64.
pub const ACTOR_MAX: usize = 256;
/// Longest kind in bytes, as of an artifact.
pub const KIND_MAX: usize = 64;
/// Longest subject in bytes: the name of a rule or a path.
pub const SUBJECT_MAX: usize = 512;
/// Longest stored signal in bytes: its members at their longest, with all their characters escaped.
const STORED_MAX: usize = 8 * 1024;

/// Kind of a signal that speaks for or against a promotion: its value is support from 0 to 1.
pub const SUPPORT: &str = "support";
/// Kind of a signal that labels the trace it stands in: its benign label holds for all work there.
pub const LABEL: &str = "label";

/// What identifies an event wherever it is seen: signals with one key are one signal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignalKey(Sha256Digest);

impl SignalKey {
    /// The key of an event that `parts` identify: SHA-256 over canonical `{"format":"vm-signal-key-v0","parts":[...]}`.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let value = json!({ "format": "vm-signal-key-v0", "parts": parts });
        // Strings always have a canonical form.
        Self(Sha256Digest::of(&canonical::to_bytes(&value).unwrap_or_default()))
    }

    /// The hash.
    #[must_use]
    pub const fn digest(&self) -> Sha256Digest {
        self.0
    }
}

/// Something that an actor said or a sensor saw, with a number.
#[derive(Clone, PartialEq, Debug)]
pub struct Signal {
    actor: String,
    kind: String,
    subject: String,
    value: f64,
    benign: Option<bool>,
    at: Instant,
    trace: TraceId,
    key: SignalKey,
    identity: Option<String>,
    source: Option<EvidenceRef>,
}

impl Signal {
    /// A signal of `actor` about `subject`. Its key is that of actor, kind, subject, time and trace: what is said twice
    /// at one time counts once. It is nobody's until it is read against [`Enrolments`].
    ///
    /// # Errors
    /// [`FormatError::Member`] where a text is empty or too long, the kind is not of `a-z`, `0-9`, dot, hyphen and
    /// underscore, the value is not finite, support is outside 0 to 1, or a label says nothing ([`Signal::label`] makes those).
    pub fn new(
        actor: &str,
        kind: &str,
        subject: &str,
        value: f64,
        at: Instant,
        trace: TraceId,
    ) -> Result<Self, FormatError> {
        let signal = Self::build(actor, kind, subject, value, at, trace);
        signal.check()?;
        Ok(signal)
    }

    /// A label by `actor`: whether all work in `trace` was benign.
    ///
    /// # Errors
    /// As [`Signal::new`].
    pub fn label(actor: &str, benign: bool, at: Instant, trace: TraceId) -> Result<Self, FormatError> {
        let signal = Self::build(actor, LABEL, "trace", 0.0, at, trace).labelled(benign);
        signal.check()?;
        Ok(signal)
    }

    fn build(actor: &str, kind: &str, subject: &str, value: f64, at: Instant, trace: TraceId) -> Self {
        let key = Self::own_key(actor, kind, subject, at, trace);
        Self {
            actor: actor.to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            // Adding zero turns -0 into 0, of which the canonical form knows but one.
            value: value + 0.0,
            benign: None,
            at,
            trace,
            key,
            identity: None,
            source: None,
        }
    }

    /// The key of what an actor says itself.
    fn own_key(actor: &str, kind: &str, subject: &str, at: Instant, trace: TraceId) -> SignalKey {
        SignalKey::of(&["signal", actor, kind, subject, &at.to_string(), &trace.to_string()])
    }

    /// The signal with a label: whether the work it is about was benign, as somebody judged afterwards.
    #[must_use]
    pub const fn labelled(mut self, benign: bool) -> Self {
        self.benign = Some(benign);
        self
    }

    /// The signal under another key, that of the event it was made of. Support and labels have none but their own.
    #[must_use]
    pub const fn keyed(mut self, key: SignalKey) -> Self {
        self.key = key;
        self
    }

    /// The signal of the identity that its actor speaks for, where the actor is enrolled and so is `holder`, the key that it was
    /// recorded by, to say so ([`Enrolments::speaker`]).
    #[must_use]
    pub fn identified(mut self, enrolments: &Enrolments, holder: Option<PublicKey>) -> Self {
        self.identity = enrolments.speaker(&self.actor, holder).map(str::to_owned);
        self
    }

    fn check(&self) -> Result<(), FormatError> {
        let fault = |member| Err(FormatError::Member { member });
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
        let fits = |text: &str, limit| !text.trim().is_empty() && text.len() <= limit;
        if !fits(&self.actor, ACTOR_MAX) {
            return fault("actor");
        }
        if !fits(&self.kind, KIND_MAX) || !self.kind.bytes().all(word) {
            return fault("kind");
        }
        if !fits(&self.subject, SUBJECT_MAX) {
            return fault("subject");
        }
        let supports = self.kind != SUPPORT || (0.0..=1.0).contains(&self.value);
        if !self.value.is_finite() || !supports {
            return fault("value");
        }
        if self.kind == LABEL && self.benign.is_none() {
            return fault("benign");
        }
        // What actors say is named by what it says: under another's key it would pass for that one's, and that one for a copy.
        let is_said = matches!(self.kind.as_str(), SUPPORT | LABEL);
        if is_said && self.key != Self::own_key(&self.actor, &self.kind, &self.subject, self.at, self.trace) {
            return fault("key");
        }
        Ok(())
    }

    /// Who said or saw it: a key, a host, an agent.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The enrolled identity that the actor speaks for; none where it is not enrolled.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// What kind of signal it is.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What it is about: a rule, a candidate for promotion.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The number; the kind gives it meaning. Finite.
    #[must_use]
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// Whether the work it is about was benign, where somebody said so.
    #[must_use]
    pub const fn benign(&self) -> Option<bool> {
        self.benign
    }

    /// When it was said or seen, by the actor's own clock.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// The chain of work it belongs to.
    #[must_use]
    pub const fn trace(&self) -> TraceId {
        self.trace
    }

    /// What identifies it.
    #[must_use]
    pub const fn key(&self) -> SignalKey {
        self.key
    }

    /// The row it was read from, if it was.
    #[must_use]
    pub const fn source(&self) -> Option<EvidenceRef> {
        self.source
    }

    /// The stored form. Trace and source row are those of the row that holds it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "format": SIGNAL_FORMAT, "actor": self.actor, "kind": self.kind, "subject": self.subject,
            "value": self.value, "benign": self.benign, "at": self.at, "key": self.key.0,
        })
    }

    /// Reads the stored form, in trace `trace`.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn from_value(value: &Value, trace: TraceId) -> Result<Self, FormatError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Shape {
            #[serde(rename = "format")]
            _format: String,
            actor: String,
            kind: String,
            subject: String,
            value: f64,
            // Named, so that null must be there where nobody judged.
            #[serde(deserialize_with = "Option::deserialize")]
            benign: Option<bool>,
            at: Instant,
            key: Sha256Digest,
        }
        if let Some(fault) = FormatError::of_format(value, SIGNAL_FORMAT) {
            return Err(fault);
        }
        let Shape { actor, kind, subject, value, benign, at, key, .. } =
            Shape::deserialize(value).map_err(|_| FormatError::Shape)?;
        let key = SignalKey(key);
        let signal = Self { actor, kind, subject, value, benign, at, trace, key, identity: None, source: None };
        signal.check()?;
        Ok(signal)
    }

    /// The signal that a row holds; none where it is a row of another kind.
    ///
    /// # Errors
    /// [`FormatError`]; a signal of which something was committed as a secret is none.
    pub fn of_row(entry: &LogEntry, row: &StoredRow) -> Option<Result<Self, FormatError>> {
        let ours = entry.table == Table::ProofArtifacts && row.text("kind") == Some(SIGNAL_KIND);
        ours.then(|| {
            let text = row.text("meta_json").ok_or(FormatError::Shape)?;
            let value = canonical::parse_exact(text.as_bytes(), STORED_MAX).map_err(FormatError::Canonical)?;
            let trace = row.trace_id().map_err(|_| FormatError::Member { member: "trace_id" })?;
            let mut signal = Self::from_value(&value, trace)?;
            signal.source = Some(entry.into());
            Ok(signal)
        })
    }

    /// The row to record, as `header`, whose trace is to be [`Signal::trace`]. Texts that look like secrets are committed;
    /// such a row is read by nobody, which is the safe side.
    ///
    /// # Errors
    /// [`GuardError::Canonical`] or [`GuardError::Record`].
    pub fn draft(
        &self,
        header: RowHeader,
        detector: &dyn SecretDetector,
        entropy: &mut dyn Entropy,
    ) -> Result<RowDraft, GuardError> {
        draft(SIGNAL_KIND, &self.to_value(), header, detector, entropy)
    }
}

/// A trace that follows from `parts` alone, for events that bear none: the first sixteen bytes of SHA-256 over canonical
/// `{"format":"vm-signal-trace-v0","parts":[...]}` with version 8 and the variant of RFC 9562, section 5.8.
fn derived_trace(parts: &[&str]) -> TraceId {
    let value = json!({ "format": "vm-signal-trace-v0", "parts": parts });
    let bytes: Result<Vec<u8>, CanonicalError> = canonical::to_bytes(&value);
    let digest = Sha256Digest::of(&bytes.unwrap_or_default());
    let mut id = [0; 16];
    id.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    id[6] = 0x80 | id[6] & 0x0f;
    id[8] = 0x80 | id[8] & 0x3f;
    TraceId::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(kind: &str, value: f64) -> Result<Signal, FormatError> {
        let at = Instant::from_micros(1_790_000_000_000_000).unwrap();
        Signal::new("node-1", kind, "rule", value, at, TraceId::from_bytes([7; 16]))
    }

    #[test]
    fn what_is_stored_reads_back() {
        for signal in [signal("falco.alert", 2.0), signal(SUPPORT, 0.25), signal("x", -0.0)] {
            let signal = signal.unwrap().labelled(true);
            let value = canonical::parse_exact(&canonical::to_bytes(&signal.to_value()).unwrap(), STORED_MAX).unwrap();
            assert_eq!(Signal::from_value(&value, signal.trace()), Ok(signal));
        }
    }

    #[test]
    fn what_the_format_does_not_allow_is_refused_by_name() {
        for (kind, value, member) in [
            ("", 1.0, "kind"),
            ("Falco", 1.0, "kind"),
            (SUPPORT, 1.1, "value"),
            (SUPPORT, -0.1, "value"),
            ("x", f64::NAN, "value"),
            (LABEL, 1.0, "benign"),
        ] {
            assert_eq!(signal(kind, value), Err(FormatError::Member { member }), "{kind} {value}");
        }
        let good = signal("x", 1.0).unwrap();
        let mut surplus = good.to_value();
        surplus["note"] = json!(1);
        assert_eq!(Signal::from_value(&surplus, good.trace()), Err(FormatError::Shape));
        let mut later = good.to_value();
        later["format"] = json!("vm-guardian-signal-v1");
        let refused = Signal::from_value(&later, good.trace());
        assert_eq!(refused, Err(FormatError::UnknownFormat { found: "vm-guardian-signal-v1".to_owned() }));
        for kind in [SUPPORT, LABEL] {
            let said = Signal::build("a", kind, "x", 0.5, good.at(), good.trace()).labelled(true);
            let mut other = said.to_value();
            other["key"] = json!(good.key().digest());
            assert_eq!(Signal::from_value(&said.to_value(), said.trace()), Ok(said.clone()));
            assert_eq!(Signal::from_value(&other, said.trace()), Err(FormatError::Member { member: "key" }));
            let elsewhere = Signal::from_value(&said.to_value(), TraceId::from_bytes([8; 16]));
            assert_eq!(elsewhere, Err(FormatError::Member { member: "key" }));
        }
        let mut long = good.to_value();
        long["actor"] = json!("a".repeat(ACTOR_MAX + 1));
        assert_eq!(Signal::from_value(&long, good.trace()), Err(FormatError::Member { member: "actor" }));
        for member in ["actor", "kind", "subject", "value", "benign", "at", "key", "format"] {
            let mut less = good.to_value();
            less.as_object_mut().unwrap().remove(member);
            assert!(Signal::from_value(&less, good.trace()).is_err(), "{member}");
        }
    }

    #[test]
    fn a_derived_trace_is_a_uuid_of_version_8() {
        let trace = derived_trace(&["falco", "node"]).to_string();
        assert_eq!(trace.as_bytes()[14], b'8');
        assert!(b"89ab".contains(&trace.as_bytes()[19]));
        assert_ne!(derived_trace(&["falco", "node"]), derived_trace(&["falconode", ""]));
    }
}
