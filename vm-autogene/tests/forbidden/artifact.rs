//! The formats of Autogene are its own.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Forged;

impl vm_autogene::Artifact for Forged {
    const FORMAT: &'static str = "vm-autogene-forecast-v0";
    const KIND: &'static str = "autogene_forecast";
}

fn main() {}
