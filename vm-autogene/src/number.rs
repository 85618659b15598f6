//! Numbers of a series.

pub(crate) use vm_core::number::{mean, median, real, real_len};

/// Differences of each value from the one before: one fewer than `values`.
pub(crate) fn differences(values: &[f64]) -> Vec<f64> {
    values.iter().zip(values.iter().skip(1)).map(|(before, after)| after - before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_one_fewer() {
        assert_eq!(differences(&[1.0, 4.0, 2.0]), [3.0, -2.0]);
        assert!(differences(&[1.0]).is_empty());
    }
}
