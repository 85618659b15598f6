//! Nothing that a forecaster is given makes a permit, and none can be written down.

use vm_autogene::Series;
use vm_core::capability::{Permit, act};
use vm_core::view::EvidenceView;

fn from_view(view: &dyn EvidenceView) -> Permit<act::Record> {
    view.into()
}

fn from_series(series: &Series) -> Permit<act::Record> {
    series.into()
}

fn from_nothing() -> Permit<act::Record> {
    Permit {}
}

fn main() {}
