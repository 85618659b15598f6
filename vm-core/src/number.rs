//! Counts as doubles, without casts, and the two averages that are taken of them.

/// `n` as a double: exact up to 2^53, the nearest double beyond.
#[must_use]
pub fn real(n: u64) -> f64 {
    let half = |bits: u64| f64::from(u32::try_from(bits & 0xffff_ffff).unwrap_or(u32::MAX));
    half(n >> 32).mul_add(4_294_967_296.0, half(n))
}

/// As [`real`], of a length.
#[must_use]
pub fn real_len(n: usize) -> f64 {
    real(u64::try_from(n).unwrap_or(u64::MAX))
}

/// Mean of `values`; none of none.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / real_len(values.len()))
}

/// Median of `values`, the mean of the middle two where they are even in number; none of none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    sorted.get(half.checked_sub(1)?).map(|lower| f64::midpoint(*lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_become_doubles() {
        for n in [0, 1, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, (1 << 53) - 1, 1 << 53] {
            assert_eq!(format!("{:.0}", real(n)), n.to_string());
        }
        assert!(real(u64::MAX) >= 1.8e19);
    }

    #[test]
    fn medians_and_means() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(mean(&[]), None);
    }
}
