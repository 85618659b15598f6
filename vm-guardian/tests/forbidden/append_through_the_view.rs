//! The view of a context is no journal.

use vm_core::view::Journal;
use vm_guardian::{Context, GuardError, Guardian, Observations};

struct Writer;

impl Guardian for Writer {
    fn name(&self) -> &str {
        "writer"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let journal: &dyn Journal = context.view();
        let _ = journal;
        Ok(Observations::new())
    }
}

fn main() {}
