//! Guardians over a vault: the verification they are given, and who is enrolled.

use std::collections::BTreeMap;
use std::path::Path;

use vm_core::instant::Instant;
use vm_core::source::Clock;
use vm_guardian::{Budget, Enrolments, Given, Guardian, Observed, Thresholds, run};

use crate::error::{GuardFault, VaultError};
use crate::read::Reader;
use crate::verify::{Outside, verify_vault};

/// Longest file of enrolments, in bytes: some ten thousand actors.
const ENROLMENTS_MAX: u64 = 1024 * 1024;

/// Who is enrolled, from a file of TOML: one line an actor, `"agent-7" = "alice"`, and one a key that records, by its 64
/// hexadecimal digits: under the identity that it may speak for, or under `*` where it is a collector's.
///
/// # Errors
/// [`VaultError::File`] where it cannot be read, [`VaultError::Input`] where it is no such file or too long.
pub fn load_enrolments(path: &Path) -> Result<Enrolments, VaultError> {
    use std::io::Read as _;
    let refuse = |reason: String| VaultError::Input { reason };
    let fault = |source| VaultError::File { path: path.to_owned(), source };
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(ENROLMENTS_MAX + 1).read_to_string(&mut text));
    let read = read.map_err(fault)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > ENROLMENTS_MAX {
        return Err(refuse(format!("a file of enrolments has at most {ENROLMENTS_MAX} bytes")));
    }
    let actors: BTreeMap<String, String> = toml::from_str(&text)
        .map_err(|_| refuse("enrolments are lines of the form \"actor\" = \"identity\"".to_owned()))?;
    let mut enrolments = Enrolments::new();
    actors.into_iter().for_each(|(actor, identity)| enrolments.enrol(actor, identity));
    Ok(enrolments)
}

/// What guardians are run with.
#[derive(Clone, Debug, Default)]
pub struct Guarding {
    /// Who is enrolled.
    pub enrolments: Enrolments,
    /// Where detection begins.
    pub thresholds: Thresholds,
    /// What each guardian may use.
    pub budget: Budget,
}

/// Verifies the vault under `outside` and has `guardians` look at it, one after the other.
///
/// # Errors
/// [`VaultError`] where the vault cannot be verified at all, or a guardian has no usable name.
pub fn guard(
    reader: &Reader,
    outside: &Outside,
    guardians: &[&dyn Guardian],
    guarding: &Guarding,
    clock: &dyn Clock,
) -> Result<Vec<Observed>, VaultError> {
    let now: Instant = clock.now();
    let verification = verify_vault(reader, outside, now)?;
    let given = Given {
        view: reader.view(),
        files: reader.files(),
        report: &verification.report,
        enrolments: &guarding.enrolments,
        thresholds: &guarding.thresholds,
        now,
    };
    guardians
        .iter()
        .map(|guardian| {
            run(*guardian, &given, guarding.budget, clock).map_err(|error| GuardFault::Guardian(error).into())
        })
        .collect()
}
