//! A view has no way to append, even for whoever holds a permit.

use vm_autogene::error::ForecastError;
use vm_autogene::{Forecaster, Prediction, Question, Series};
use vm_core::capability::{Permit, act};
use vm_core::view::{EvidenceView, Journal as _};

struct Writer(Permit<act::Record>);

impl Forecaster for Writer {
    fn predict(&self, view: &dyn EvidenceView, _: &Series, _: &Question) -> Result<Prediction, ForecastError> {
        let _ = view.append(&self.0, Vec::new());
        panic!()
    }
}

fn main() {}
