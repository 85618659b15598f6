//! Drift: bins at which the mean of a series changes for longer.
//!
//! Least squares with a price for each change, solved exactly by optimal partitioning (Jackson et al., IEEE Signal Processing
//! Letters 12, 2005). `augurs-changepoint` was left out for its weight (see the crate's README).

use serde::{Deserialize, Serialize};
use vm_core::instant::Instant;

use crate::error::ForecastError;
use crate::number::{differences, mean, median, real_len};
use crate::series::Series;

/// Shortest stretch between two changes, in bins: one bin is an outlier, not a drift, and two or three may be a burst.
pub const STRETCH_MIN: usize = 4;
/// Price of a change in units of variance times ln n: the modified BIC of Zhang and Siegmund (Biometrics 63, 2007) without its term for
/// the lengths of stretches.
const PRICE: f64 = 3.0;
/// Median absolute deviation of a normal variable to its standard deviation.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// A change of the mean. For a measure that is a level, of what a bin adds to it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Begin of the first bin after the change.
    pub at: Instant,
    /// Mean of the stretch before.
    pub before: f64,
    /// Mean of the stretch after.
    pub after: f64,
}

/// Changes of the mean of `series`, in their order; none in a series shorter than two stretches. Variance is taken from the differences of neighbours, so
/// that the changes do not hide themselves; where a series wavers slowly by its nature, more changes are named than there are. Cost: the square of the
/// number of bins.
///
/// # Errors
/// [`ForecastError::TooSparse`].
pub fn find(series: &Series) -> Result<Vec<Drift>, ForecastError> {
    let (values, offset) = series.changes()?;
    let mut begins = vec![0];
    begins.extend(lasting(&values, &changes(&values)));
    let means: Vec<f64> = begins
        .iter()
        .zip(begins.iter().skip(1).chain([&values.len()]))
        .filter_map(|(from, to)| mean(values.get(*from..*to)?))
        .collect();
    let pairs = means.iter().zip(means.iter().skip(1)).zip(begins.iter().skip(1));
    Ok(pairs
        .map(|((before, after), begin)| Drift { at: series.at(begin + offset), before: *before, after: *after })
        .collect())
}

/// Indices at which a new stretch begins.
fn changes(values: &[f64]) -> Vec<usize> {
    let variance = variance(values);
    if values.len() < 2 * STRETCH_MIN || variance <= 0.0 {
        return Vec::new();
    }
    let price = PRICE * variance * real_len(values.len()).ln();
    partition(values, price)
}

/// Those of `begins` at which the median changes too, by more than one deviation: a stretch that one bin lifts is no drift.
fn lasting(values: &[f64], begins: &[usize]) -> Vec<usize> {
    let least = variance(values).sqrt();
    let mut kept: Vec<usize> = Vec::new();
    for (begin, end) in begins.iter().zip(begins.iter().skip(1).chain([&values.len()])) {
        let from = kept.last().copied().unwrap_or_default();
        let median_of = |from: usize, to: usize| values.get(from..to).and_then(median);
        let step = median_of(from, *begin).zip(median_of(*begin, *end)).map_or(0.0, |(before, after)| after - before);
        if step.abs() > least {
            kept.push(*begin);
        }
    }
    kept
}

/// Variance of what is no change: robust where most neighbours differ, plain where they do not.
fn variance(values: &[f64]) -> f64 {
    let steps = differences(values);
    let sizes: Vec<f64> = steps.iter().map(|step| step.abs()).collect();
    let robust = median(&sizes).unwrap_or_default() * MAD_TO_SIGMA;
    let squares: Vec<f64> = steps.iter().map(|step| step * step).collect();
    // A difference of two has twice the variance of one.
    let doubled = if robust > 0.0 { robust * robust } else { mean(&squares).unwrap_or_default() };
    doubled / 2.0
}

/// Begins of the stretches after the first, of the partition that costs least.
fn partition(values: &[f64], price: f64) -> Vec<usize> {
    let middle = mean(values).unwrap_or_default();
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut sums = vec![(sum, squares)];
    for value in values.iter().map(|value| value - middle) {
        sum += value;
        squares += value * value;
        sums.push((sum, squares));
    }
    // Least cost of the values before each index, and where the last stretch of that partition begins.
    let mut best: Vec<(f64, usize)> = vec![(-price, 0)];
    for (end, (sum, squares)) in sums.iter().enumerate().skip(1) {
        let admissible = (end + 1).saturating_sub(STRETCH_MIN);
        let candidates = best.iter().zip(&sums).take(admissible).enumerate().map(|(begin, ((cost, _), before))| {
            let total = sum - before.0;
            let spread = (squares - before.1) - total * total / real_len(end - begin);
            (cost + spread + price, begin)
        });
        let least = candidates.min_by(|one, other| one.0.total_cmp(&other.0));
        best.push(least.unwrap_or((f64::INFINITY, 0)));
    }
    let mut begins = Vec::new();
    let mut end = values.len();
    while let Some((_, begin)) = best.get(end).filter(|(_, begin)| *begin > 0) {
        begins.push(*begin);
        end = *begin;
    }
    begins.reverse();
    begins
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cost(values: &[f64], begins: &[usize], price: f64) -> f64 {
        let ends: Vec<usize> = [0].into_iter().chain(begins.iter().copied()).chain([values.len()]).collect();
        let spread = |part: &[f64]| {
            let middle = mean(part).unwrap();
            part.iter().map(|value| (value - middle) * (value - middle)).sum::<f64>()
        };
        let parts = ends.windows(2).map(|pair| spread(&values[pair[0]..pair[1]])).sum::<f64>();
        parts + price * real_len(begins.len())
    }

    /// All partitions whose stretches are long enough.
    fn all(from: usize, len: usize) -> Vec<Vec<usize>> {
        let mut found = vec![Vec::new()];
        for begin in from + STRETCH_MIN..=len.saturating_sub(STRETCH_MIN) {
            found.extend(all(begin, len).into_iter().map(|rest| [vec![begin], rest].concat()));
        }
        found
    }

    proptest! {
        #[test]
        fn no_partition_costs_less(values in prop::collection::vec(-5_i8..5, 8..17), price in 0.5_f64..20.0) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let found = cost(&values, &partition(&values, price), price);
            for other in all(0, values.len()) {
                prop_assert!(found <= cost(&values, &other, price) + 1e-9, "{:?}", other);
            }
        }
    }

    /// Sums of twelve uniform numbers from a linear congruential generator: nearly normal, mean 0, variance 1.
    fn noise(seed: &mut u64) -> f64 {
        let uniform = |seed: &mut u64| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(*seed >> 32).unwrap()) / 4_294_967_296.0
        };
        (0..12).map(|_| uniform(seed)).sum::<f64>() - 6.0
    }

    #[test]
    fn a_jump_is_found_where_it_is_and_noise_seldom_has_any() {
        let mut seed = 7;
        let mut alarms = 0;
        for _ in 0..200 {
            let quiet: Vec<f64> = (0..100).map(|_| noise(&mut seed)).collect();
            alarms += usize::from(!changes(&quiet).is_empty());
            let jump: Vec<f64> = quiet.iter().enumerate().map(|(at, x)| if at < 60 { *x } else { x + 4.0 }).collect();
            assert!(changes(&jump).iter().any(|at| at.abs_diff(60) <= 2), "{:?}", changes(&jump));
        }
        assert!(alarms <= 20, "{alarms} of 200 quiet series");
    }

    #[test]
    fn a_burst_is_no_drift() {
        let mut seed = 11;
        for at in [15, 27, 29] {
            let mut values: Vec<f64> = (0..30).map(|_| noise(&mut seed)).collect();
            values[at] += 30.0;
            let begins = changes(&values);
            assert!(!begins.is_empty() && lasting(&values, &begins).is_empty(), "{at}: {begins:?}");
        }
        let step: Vec<f64> = (0..30).map(|at| noise(&mut seed) + if at < 18 { 0.0 } else { 6.0 }).collect();
        assert_eq!(lasting(&step, &changes(&step)), [18]);
    }

    #[test]
    fn what_does_not_vary_does_not_drift() {
        assert!(changes(&[3.0; 50]).is_empty());
        assert!(changes(&[1.0, 9.0]).is_empty());
        let step: Vec<f64> = [0.0; 20].into_iter().chain([5.0; 20]).collect();
        assert_eq!(changes(&step), [20]);
    }
}
