//! Discrete Laplace noise, drawn exactly.
//!
//! Numbers of floating point betray what they hide (Mironov, "On significance of the least significant bits for differential
//! privacy", 2012), so all of it is arithmetic on integers: algorithms 1 and 2 of Canonne, Kamath and Steinke, "The discrete Gaussian
//! for differential privacy" (NeurIPS 2020). How long a draw takes depends on what is drawn, and nobody who sees a release sees that.

use vm_core::source::Entropy;
use vm_core::statistics::VALUE_MAX;

/// A random number below `bound`, which is not 0. Cost: two tries at most on average.
fn below(bound: u128, entropy: &mut dyn Entropy) -> u128 {
    let mask = u128::MAX >> bound.saturating_sub(1).max(1).leading_zeros();
    loop {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        let drawn = u128::from_be_bytes(bytes) & mask;
        if drawn < bound {
            return drawn;
        }
    }
}

/// True with probability exp(-`part`/`whole`), for `part` not above `whole` (algorithm 1 of the paper, its first case).
fn survives(part: u128, whole: u128, entropy: &mut dyn Entropy) -> bool {
    let mut steps: u128 = 1;
    // As many steps as there are almost never are: the chance of k of them is below 1/k!.
    while below(whole.saturating_mul(steps), entropy) < part {
        steps += 1;
    }
    steps % 2 == 1
}

/// A number `x` with probability in proportion to exp(-|x| * `inverse`/`scale`), both above 0 and at most 2^62: discrete Laplace noise of the
/// scale `scale`/`inverse` (algorithm 2 of the paper). What is beyond [`VALUE_MAX`] is drawn again as that, which nobody will see.
pub(crate) fn discrete_laplace(scale: u64, inverse: u64, entropy: &mut dyn Entropy) -> i64 {
    let (scale, inverse) = (u128::from(scale.max(1)), u128::from(inverse.max(1)));
    loop {
        let rest = below(scale, entropy);
        if !survives(rest, scale, entropy) {
            continue;
        }
        let mut whole: u128 = 0;
        while survives(1, 1, entropy) {
            whole += 1;
        }
        let size = scale.saturating_mul(whole).saturating_add(rest) / inverse;
        let is_negative = below(2, entropy) == 1;
        // Nought has no sign; with two of them it would come twice as often.
        if is_negative && size == 0 {
            continue;
        }
        let size = i64::try_from(size).unwrap_or(VALUE_MAX).min(VALUE_MAX);
        return if is_negative { -size } else { size };
    }
}

#[cfg(test)]
mod tests {
    use vm_core::source::hazmat::CountingEntropy;

    use super::*;

    /// Chances of the sizes from -`far` to `far`, by the formula.
    fn chances(scale: u32, inverse: u32, far: i32) -> Vec<f64> {
        let rate = f64::from(inverse) / f64::from(scale);
        let norm = (1.0 - (-rate).exp()) / (1.0 + (-rate).exp());
        (-far..=far).map(|x| norm * (-rate * f64::from(x.abs())).exp()).collect()
    }

    #[test]
    fn noise_is_distributed_as_it_should_be() {
        const DRAWS: u32 = 6_000;
        for (scale, inverse) in [(1_u32, 1_u32), (3, 2), (2, 3), (10, 1), (5_000_000, 500_000), (7, 5)] {
            let mut entropy = CountingEntropy::new(u64::from(scale) ^ (u64::from(inverse) << 32));
            let far = 4 + i32::try_from(4 * scale / inverse).unwrap();
            let expected = chances(scale, inverse, far);
            let mut seen = vec![0_u32; expected.len()];
            let mut beyond = 0_u32;
            for _ in 0..DRAWS {
                let drawn = discrete_laplace(scale.into(), inverse.into(), &mut entropy) + i64::from(far);
                match usize::try_from(drawn).ok().and_then(|at| seen.get_mut(at)) {
                    Some(seen) => *seen += 1,
                    None => beyond += 1,
                }
            }
            // Pearson's statistic has as many degrees of freedom as there are cells but one; six times its deviation above is
            // a chance of one in a million at most. The seeds are fixed, so this holds once and for all.
            let rest = 1.0 - expected.iter().sum::<f64>();
            let cells = expected.iter().zip(&seen).map(|(p, n)| (*p, *n)).chain([(rest, beyond)]);
            let statistic: f64 = cells
                .map(|(p, n)| {
                    let mean = p * f64::from(DRAWS);
                    (f64::from(n) - mean).powi(2) / mean
                })
                .sum();
            let freedom = f64::from(u32::try_from(expected.len()).unwrap());
            assert!(statistic < freedom + 6.0 * (2.0 * freedom).sqrt(), "{scale}/{inverse}: {statistic} of {freedom}");
        }
    }

    #[test]
    fn a_draw_below_is_even() {
        let mut entropy = CountingEntropy::new(9);
        for bound in [1, 2, 3, 5, 8, 1 << 70] {
            let draws: Vec<u128> = (0..2_000).map(|_| below(bound, &mut entropy)).collect();
            assert!(draws.iter().all(|drawn| *drawn < bound));
            // Of n draws, the low half has as many as its share, give or take seven deviations.
            let low = draws.iter().filter(|drawn| **drawn < bound.div_ceil(2)).count();
            let mean = usize::try_from(2_000 * bound.div_ceil(2) / bound).unwrap();
            assert!(low.abs_diff(mean) < 157, "{bound}: {low} of {mean}");
        }
    }
}
