//! Quantiles of the normal distribution.

/// The value that a standard normal variable stays below with probability `p`, between 0 and 1 (Wichura's AS 241).
pub(crate) fn normal_quantile(p: f64) -> f64 {
    distrs::Normal::ppf(p, 0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_every_textbook() {
        for (p, z) in [(0.5, 0.0), (0.9, 1.281_551_6), (0.975, 1.959_964), (0.995, 2.575_829_3)] {
            assert!((normal_quantile(p) - z).abs() < 1e-6, "{p}");
        }
    }
}
