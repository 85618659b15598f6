//! The trait.

use crate::context::Context;
use crate::error::GuardError;
use crate::observation::Observations;

/// A bounded detector: reads evidence and says what it saw.
///
/// What it is given only reads, and what it returns is data. Run one with [`run`](crate::run).
pub trait Guardian {
    /// Its name: 1 to 55 characters from `a-z`, `0-9` and hyphen. Its engine, the author of its scroll, is
    /// `guardian-` and the name.
    fn name(&self) -> &str;

    /// Looks, and says what it saw. A guardian notes in the report what it checked; one that checked nothing leaves the
    /// matter undecided.
    ///
    /// # Errors
    /// [`GuardError`] where it could not look; that is reported as evidence that could not be read, or as the budget that
    /// was spent. A guardian that has found something by then returns it instead.
    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError>;
}
