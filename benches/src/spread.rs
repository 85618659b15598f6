//! How times are spread: quantiles, and a histogram for people.

use std::fmt::Write as _;
use std::time::Duration;

/// Widest bar of a histogram, in characters: with its labels it fits 80 columns.
const BAR: usize = 48;

/// Times of the same call, many times over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spread {
    rising: Vec<Duration>,
}

impl Spread {
    /// Of these times, in any order.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { rising: times }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rising.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rising.is_empty()
    }

    /// The time that `part` thousandths of all do not exceed: the smallest such, one that was measured (nearest rank). Zero
    /// where there are none.
    #[must_use]
    pub fn at(&self, part: usize) -> Duration {
        let rank = self.rising.len().saturating_mul(part).div_ceil(1_000);
        self.rising.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Cells of a table: p50, p90, p99 and the longest.
    #[must_use]
    pub fn cells(&self) -> String {
        [500, 900, 990, 1_000].map(|part| milliseconds(self.at(part))).join(" | ")
    }

    /// A line for each doubling of a millisecond, from the shortest time to the longest.
    #[must_use]
    pub fn histogram(&self) -> String {
        let mut bins: Vec<(Duration, usize)> = Vec::new();
        for time in &self.rising {
            match bins.last_mut() {
                Some((below, count)) if *time < *below => *count += 1,
                last => {
                    let mut below = last.map_or(Duration::from_micros(250), |(below, _)| *below);
                    while below <= *time {
                        below *= 2;
                    }
                    bins.push((below, 1));
                }
            }
        }
        let most = bins.iter().map(|(_, count)| *count).max().unwrap_or(1);
        bins.iter().fold(String::new(), |mut lines, (below, count)| {
            let bar = "#".repeat((count * BAR).div_ceil(most));
            let _ = writeln!(lines, "{:>12} {count:>6} {bar}", format!("< {}", milliseconds(*below)));
            lines
        })
    }
}

/// A time in milliseconds, for people.
#[must_use]
pub fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!([1, 500, 990, 991, 1_000].map(|part| spread.at(part).as_millis()), [1, 100, 198, 199, 200]);
        assert_eq!(Spread::default().at(500), Duration::ZERO);
        assert_eq!(spread.cells(), "100.00 ms | 180.00 ms | 198.00 ms | 200.00 ms");
    }

    #[test]
    fn every_time_is_in_one_bin() {
        let spread = Spread::of([0, 249, 250, 999, 1_000, 5_000].map(Duration::from_micros).to_vec());
        let histogram = spread.histogram();
        let counts: Vec<&str> = histogram.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
        assert_eq!(counts, ["2", "1", "1", "1", "1"], "{histogram}");
    }
}
