//! The statistics that guardians use: `statrs` and `kendalls`, and the averages of `vm-core`.

use statrs::distribution::{ContinuousCDF as _, Normal};
use statrs::stats_tests::Alternative;
use statrs::stats_tests::fisher::fishers_exact;

pub use vm_core::number::{mean, median, real_len as count};

/// Makes a median absolute deviation comparable to a standard deviation: 1 / Φ⁻¹(3/4).
const MAD_SCALE: f64 = 1.482_602_218_505_602;

/// Modified z-scores by median and median absolute deviation, whose scale is at least `floor`: how far each value lies from
/// the bulk, in units like a standard deviation (Iglewicz and Hoaglin 1993). Up to half of the values may be anything.
#[must_use]
pub fn robust_scores(values: &[f64], floor: f64) -> Vec<f64> {
    let Some(middle) = median(values) else { return Vec::new() };
    let deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let scale = (median(&deviations).unwrap_or(0.0) * MAD_SCALE).max(floor);
    deviations.iter().map(|deviation| deviation / scale).collect()
}

/// The score that one of `n` honest values passes at `rate`, but at least `least` (Bonferroni, both sides).
#[must_use]
pub fn outlier_bound(n: usize, rate: f64, least: f64) -> f64 {
    Normal::standard().inverse_cdf(1.0 - rate / (2.0 * count(n.max(1)))).max(least)
}

/// Answer of a trend test.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Trend {
    /// Kendall's tau of the values with their order, from -1 to 1.
    pub tau: f64,
    /// How likely values without a trend rise as much, in normal approximation.
    pub p_rising: f64,
    /// Mean of the last third less that of the first.
    pub rise: f64,
}

/// The Mann-Kendall test for a rising trend, ties accounted for (Mann 1945; Kendall 1975); none for fewer than 4 values or
/// values that are all the same.
#[must_use]
pub fn trend(values: &[f64]) -> Option<Trend> {
    if values.len() < 4 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let order: Vec<f64> = (0..values.len()).map(count).collect();
    let (tau, z) = kendalls::tau_b_with_comparator(&order, values, f64::total_cmp).ok()?;
    if !tau.is_finite() || !z.is_finite() {
        return None;
    }
    let third = values.len() / 3;
    let first = mean(values.get(..third)?)?;
    let last = mean(values.get(values.len() - third..)?)?;
    Some(Trend { tau, p_rising: Normal::standard().sf(z), rise: last - first })
}

/// How likely `after` holds so many hits by chance if its rate is that of `before`: Fisher's exact test, one-sided. Each is
/// a number of hits and of misses. None where either is empty.
#[must_use]
pub fn rate_rises(before: (u64, u64), after: (u64, u64)) -> Option<f64> {
    if before == (0, 0) || after == (0, 0) {
        return None;
    }
    let p = fishers_exact(&[after.0, after.1, before.0, before.1], Alternative::Greater).ok()?;
    p.is_finite().then_some(p)
}

/// Rates of `hits` over `groups` groups of the same number, in order; what does not fill the last group joins it. None where
/// a group would have fewer than `least`.
#[must_use]
pub fn group_rates(hits: &[bool], groups: usize, least: usize) -> Option<Vec<f64>> {
    let size = hits.len().checked_div(groups)?;
    if size < least.max(1) {
        return None;
    }
    let rate = |part: &[bool]| count(part.iter().filter(|hit| **hit).count()) / count(part.len());
    let bounds =
        (0..groups).map(|group| (group * size, if group + 1 == groups { hits.len() } else { (group + 1) * size }));
    bounds.map(|(from, to)| hits.get(from..to).map(rate)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn scores_of_a_worked_example() {
        // Median 3, deviations 2 1 0 1 97, their median 1.
        let scores = robust_scores(&[1.0, 2.0, 3.0, 4.0, 100.0], 0.0);
        assert!(near(scores[4], 97.0 / MAD_SCALE) && near(scores[2], 0.0), "{scores:?}");
        assert!(robust_scores(&[0.2, 0.2, 0.2, 0.21], 0.05)[3] < 1.0, "the floor holds where nearly all agree");
        assert!(robust_scores(&[], 1.0).is_empty());
    }

    #[test]
    fn the_bound_grows_with_the_number() {
        assert!(near(outlier_bound(1, 0.01, 3.5), 3.5));
        let hundred = outlier_bound(100, 0.01, 3.5);
        assert!((3.88..3.90).contains(&hundred), "{hundred}");
    }

    #[test]
    fn mann_kendall_of_worked_examples() {
        // Ten rising values: S = 45, Var S = 125, z = 4.0249.
        let rising: Vec<f64> = (0..10).map(count).collect();
        let found = trend(&rising).unwrap();
        assert!(near(found.tau, 1.0) && (2.8e-5..2.9e-5).contains(&found.p_rising), "{found:?}");
        let falling: Vec<f64> = rising.iter().rev().copied().collect();
        assert!(trend(&falling).unwrap().p_rising > 0.999);
        assert_eq!(trend(&[1.0; 10]), None);
        assert_eq!(trend(&[1.0, 2.0, 3.0]), None);
        assert_eq!(trend(&[1.0, f64::NAN, 2.0, 3.0]), None);
        // Ties: 1 1 2 2 3 3 gives S = 12, Var S = (6*5*17 - 3*2*1*9)/18 = 25.333.
        let tied = trend(&[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]).unwrap();
        let expected = Normal::standard().sf(12.0 / (456.0_f64 / 18.0).sqrt());
        assert!(near(tied.p_rising, expected), "{} {expected}", tied.p_rising);
    }

    #[test]
    fn fisher_of_the_lady_tasting_tea() {
        // Three of four against one of four: p = 17/70.
        assert!(near(rate_rises((1, 3), (3, 1)).unwrap(), 17.0 / 70.0));
        assert_eq!(rate_rises((0, 0), (3, 1)), None);
    }

    #[test]
    fn groups_hold_every_event_once() {
        let hits: Vec<bool> = (0..25).map(|at| at % 2 == 0).collect();
        assert_eq!(group_rates(&hits, 10, 3), None);
        assert_eq!(group_rates(&hits, 0, 1), None);
        let rates = group_rates(&hits, 10, 2).unwrap();
        assert_eq!(rates.len(), 10);
        assert!(near(rates[0], 0.5) && near(rates[9], 4.0 / 7.0), "{rates:?}");
    }
}
