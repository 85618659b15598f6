//! Calibration: whether the intervals of many forecasts held as often as they said. `docs/spec/autogene-calibration.md` is the format.

use serde::{Deserialize, Serialize};
use vm_core::digest::Sha256Digest;
use vm_core::id::LedgerId;

use crate::artifact::{Artifact, Check, sound};
use crate::error::ScoreError;
use crate::forecaster::{HORIZON_MAX, LEVELS_MAX};
use crate::measure::Measure;
use crate::number::real_len;
use crate::score::Score;
use crate::span::Step;

/// Most scores taken together: a forecast an hour for half a year.
pub const SCORES_MAX: usize = 4_096;

/// How often the intervals of a level held.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    /// Share of outcomes that they should hold.
    pub level: f64,
    /// How many outcomes they held.
    pub covered: usize,
    /// Mean interval score of an outcome, in the measure's unit.
    pub winkler: f64,
}

/// The scores of many forecasts of one series, taken together. Each outcome counts once, so that a longer forecast counts more.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The ledger.
    pub ledger: LedgerId,
    /// What was forecast.
    pub series: Measure,
    /// Width of a bin, in seconds.
    pub step: Step,
    /// SHA-256 of the canonical bytes of each score, rising.
    pub scores: Vec<Sha256Digest>,
    /// Outcomes that were compared.
    pub compared: usize,
    /// Mean absolute error of an outcome.
    pub mae: f64,
    /// One a level.
    pub levels: Vec<Calibrated>,
}

impl Calibration {
    /// Takes scores together, in whatever order they come.
    ///
    /// # Errors
    /// [`ScoreError::Together`]: none, more than [`SCORES_MAX`], two of one forecast, or not all of one series at the same levels.
    /// [`ScoreError::Artifact`]: one that breaks a rule of its format, or errors too large to add up.
    pub fn of(scores: &[Score]) -> Result<Self, ScoreError> {
        let fault = ScoreError::Together { limit: SCORES_MAX };
        let mut named = Vec::with_capacity(scores.len().min(SCORES_MAX));
        for score in scores.iter().take(SCORES_MAX) {
            named.push((score.hash().map_err(ScoreError::Artifact)?, score));
        }
        // Sums of doubles depend on the order, so there is one.
        named.sort_unstable_by_key(|(hash, _)| *hash);
        let mut forecasts: Vec<Sha256Digest> = scores.iter().map(|score| score.forecast).collect();
        forecasts.sort_unstable();
        let Some((_, first)) = named.first().filter(|_| scores.len() <= SCORES_MAX) else {
            return Err(fault);
        };
        let alike = |score: &Score| {
            let levels = |score: &Score| score.intervals.iter().map(|interval| interval.level).collect::<Vec<_>>();
            let series = (score.ledger, &score.series, score.step) == (first.ledger, &first.series, first.step);
            series && levels(score) == levels(first)
        };
        if !scores.iter().all(alike) || !forecasts.is_sorted_by(|one, next| one < next) {
            return Err(fault);
        }
        let compared = scores.iter().map(|score| score.compared).sum();
        let weighted = |value: &dyn Fn(&Score) -> f64| {
            named.iter().map(|(_, score)| value(score) * real_len(score.compared)).sum::<f64>() / real_len(compared)
        };
        let levels = first.intervals.iter().enumerate().map(|(at, interval)| Calibrated {
            level: interval.level,
            covered: scores.iter().filter_map(|score| score.intervals.get(at)).map(|level| level.covered).sum(),
            winkler: weighted(&|score| score.intervals.get(at).map_or(0.0, |level| level.winkler)),
        });
        let together = Self {
            ledger: first.ledger,
            series: first.series.clone(),
            step: first.step,
            scores: named.iter().map(|(hash, _)| *hash).collect(),
            compared,
            mae: weighted(&|score| score.mae),
            levels: levels.collect(),
        };
        sound(together).map_err(ScoreError::Artifact)
    }
}

impl Artifact for Calibration {
    const FORMAT: &'static str = "vm-autogene-calibration-v0";
    const KIND: &'static str = "autogene_calibration";
}

impl Check for Calibration {
    fn check(&self) -> Result<(), &'static str> {
        let (scores, compared) = (self.scores.len(), self.compared);
        let sound = |level: &Calibrated| {
            let between = level.level > 0.0 && level.level < 1.0;
            between && level.covered <= compared && level.winkler.is_finite() && level.winkler >= 0.0
        };
        if scores == 0 || scores > SCORES_MAX || !self.scores.is_sorted_by(|one, next| one < next) {
            Err("scores are none, too many, or not rising")
        } else if compared < scores || compared > scores * HORIZON_MAX {
            Err("compared bins do not fit the scores")
        } else if !self.mae.is_finite() || self.mae < 0.0 {
            Err("an error is negative or not finite")
        } else if self.levels.is_empty() || self.levels.len() > LEVELS_MAX || !self.levels.iter().all(sound) {
            Err("levels are none, too many, or not sound")
        } else if !self.levels.is_sorted_by(|one, next| one.level < next.level) {
            Err("levels do not rise")
        } else {
            Ok(())
        }
    }
}
