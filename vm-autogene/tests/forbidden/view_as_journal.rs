//! A view is no journal.

use vm_autogene::error::ForecastError;
use vm_autogene::{Forecaster, Prediction, Question, Series};
use vm_core::capability::{Permit, act};
use vm_core::view::{EvidenceView, Journal};

struct Writer(Permit<act::Record>);

impl Forecaster for Writer {
    fn predict(&self, view: &dyn EvidenceView, _: &Series, _: &Question) -> Result<Prediction, ForecastError> {
        let journal: &mut dyn Journal = view;
        let _ = journal.append(&self.0, Vec::new());
        panic!()
    }
}

fn main() {}
