//! Times two sides in turns and compares their medians.

use std::fmt;
use std::time::{Duration, Instant};

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds; each times both sides once.
    pub rounds: usize,
    /// Shortest time of one side in a round: calls are repeated until a round takes this long.
    pub window: Duration,
}

impl Effort {
    /// For figures to quote: 25 rounds of at least 20 ms a side.
    pub const FULL: Self = Self { rounds: 25, window: Duration::from_millis(20) };
    /// To see that a row works: 3 rounds of at least 2 ms.
    pub const QUICK: Self = Self { rounds: 3, window: Duration::from_millis(2) };
}

/// What a ratio is meant to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// We should be this many times faster; the ratio is their time over ours.
    AtLeast(f64),
    /// We should cost at most this many times as much; the ratio is our time over theirs.
    AtMost(f64),
}

/// Median times of one call, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Ours.
    pub ours: f64,
    /// The peer's.
    pub other: f64,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    path: &'static str,
    against: &'static str,
    times: Times,
    reach: Reach,
    unit: Unit,
}

/// What the figures of a row count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Nanoseconds,
    Bytes,
}

impl Row {
    /// A row about `path`, measured against a peer.
    #[must_use]
    pub const fn new(path: &'static str, against: &'static str, times: Times, reach: Reach) -> Self {
        Self { path, against, times, reach, unit: Unit::Nanoseconds }
    }

    /// The same row about one thing, where a call of each side did `count` of them.
    #[must_use]
    pub fn per(mut self, count: usize) -> Self {
        let count = u32::try_from(count).map_or(f64::NAN, f64::from);
        self.times = Times { ours: self.times.ours / count, other: self.times.other / count };
        self
    }

    /// The same row, whose figures are bytes and no times.
    #[must_use]
    pub const fn in_bytes(mut self) -> Self {
        self.unit = Unit::Bytes;
        self
    }

    /// The ratio, in the sense of the row's [`Reach`].
    #[must_use]
    pub fn ratio(&self) -> f64 {
        match self.reach {
            Reach::AtLeast(_) => self.times.other / self.times.ours,
            Reach::AtMost(_) => self.times.ours / self.times.other,
        }
    }

    /// Whether the ratio is what it is meant to be.
    #[must_use]
    pub fn reached(&self) -> bool {
        match self.reach {
            Reach::AtLeast(bound) => self.ratio() >= bound,
            Reach::AtMost(bound) => self.ratio() <= bound,
        }
    }

    /// The row as one JSON object; times in nanoseconds a call, or bytes, as its unit says.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let (bound, reach) = match self.reach {
            Reach::AtLeast(reach) => ("at least", reach),
            Reach::AtMost(reach) => ("at most", reach),
        };
        serde_json::json!({
            "path": self.path,
            "against": self.against,
            "unit": if self.unit == Unit::Bytes { "bytes" } else { "ns" },
            "ours": self.times.ours,
            "other": self.times.other,
            "ratio": self.ratio(),
            "bound": bound,
            "reach": reach,
            "reached": self.reached(),
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bound, reach) = match self.reach {
            Reach::AtLeast(reach) => ("at least", reach),
            Reach::AtMost(reach) => ("at most", reach),
        };
        write!(
            f,
            "| {} | {} | {} | {} | {:.2} | {bound} {reach} | {} |",
            self.path,
            self.against,
            self.unit.human(self.times.ours),
            self.unit.human(self.times.other),
            self.ratio(),
            if self.reached() { "reached" } else { "missed" },
        )
    }
}

/// Head of the table that rows are printed under.
pub const TABLE_HEAD: &str =
    "| path | against | ours | other | ratio | reach | |\n| --- | --- | --- | --- | --- | --- | --- |";

/// Times both sides in turns; which goes first alternates, so that neither always runs into a warm cache.
pub fn compare<A, B>(effort: &Effort, mut ours: impl FnMut() -> A, mut other: impl FnMut() -> B) -> Times {
    let calls = (calls_for(effort.window, &mut ours), calls_for(effort.window, &mut other));
    let (mut our_times, mut other_times) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        if round % 2 == 0 {
            our_times.push(time(calls.0, &mut ours));
            other_times.push(time(calls.1, &mut other));
        } else {
            other_times.push(time(calls.1, &mut other));
            our_times.push(time(calls.0, &mut ours));
        }
    }
    Times { ours: median(our_times), other: median(other_times) }
}

/// Times both sides in turns where a call cannot be repeated on what it changed: each side makes ready what it needs,
/// and says how long the call alone took.
///
/// # Errors
/// The first that a side fails with.
pub fn in_turns<E>(
    rounds: usize,
    mut ours: impl FnMut() -> Result<Duration, E>,
    mut other: impl FnMut() -> Result<Duration, E>,
) -> Result<Times, E> {
    // One call a side that does not count: files grow, caches fill.
    ours()?;
    other()?;
    let (mut our_times, mut other_times) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            our_times.push(nanoseconds(ours()?));
            other_times.push(nanoseconds(other()?));
        } else {
            other_times.push(nanoseconds(other()?));
            our_times.push(nanoseconds(ours()?));
        }
    }
    Ok(Times { ours: median(our_times), other: median(other_times) })
}

/// How long `call` takes.
///
/// # Errors
/// What it fails with.
pub fn timed<T, E>(call: impl FnOnce() -> Result<T, E>) -> Result<Duration, E> {
    let start = Instant::now();
    let answer = call()?;
    let took = start.elapsed();
    drop(std::hint::black_box(answer));
    Ok(took)
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Calls of `side` that take at least `window` together; they also warm it up.
fn calls_for<T>(window: Duration, side: &mut impl FnMut() -> T) -> u32 {
    let mut calls: u32 = 1;
    loop {
        let start = Instant::now();
        repeat(calls, side);
        if start.elapsed() >= window || calls >= u32::MAX / 2 {
            return calls;
        }
        calls *= 2;
    }
}

/// Calls `side`, whose answers the compiler must not know to be unused.
fn repeat<T>(calls: u32, side: &mut impl FnMut() -> T) {
    for _ in 0..calls {
        drop(std::hint::black_box(side()));
    }
}

/// Nanoseconds a call.
fn time<T>(calls: u32, side: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    repeat(calls, side);
    nanoseconds(start.elapsed()) / f64::from(calls)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let upper = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

impl Unit {
    fn human(self, figure: f64) -> String {
        if self == Self::Bytes {
            return format!("{figure:.1} bytes");
        }
        let steps = [(1e9, "s"), (1e6, "ms"), (1e3, "us")];
        let step = steps.iter().find(|(size, _)| figure >= *size);
        step.map_or_else(|| format!("{figure:.0} ns"), |(size, unit)| format!("{:.2} {unit}", figure / size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-9);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn a_slower_side_has_the_longer_time() {
        let work = |loops: u64| move || (0..loops).for_each(|n| assert_eq!(std::hint::black_box(n), n));
        let times = compare(&Effort::QUICK, work(1_000), work(50_000));
        assert!(times.ours < times.other, "{times:?}");
    }

    #[test]
    fn turns_take_the_median_and_leave_out_the_first() {
        let mut ours = [900, 1, 3, 2].into_iter().map(Duration::from_nanos);
        let mut other = [900, 30, 10, 20].into_iter().map(Duration::from_nanos);
        let times = in_turns(3, || ours.next().ok_or(()), || other.next().ok_or(())).unwrap();
        assert!((times.ours - 2.0).abs() < 1e-6 && (times.other - 20.0).abs() < 1e-6, "{times:?}");
        assert_eq!(in_turns(1, || Err(1), || Err(2)).unwrap_err(), 1);
    }

    #[test]
    fn a_ratio_below_its_reach_is_missed() {
        let row = |reach| Row::new("a", "b", Times { ours: 10.0, other: 30.0 }, reach);
        assert!(row(Reach::AtLeast(3.0)).reached() && !row(Reach::AtLeast(3.1)).reached());
        assert!(row(Reach::AtMost(0.4)).reached() && !row(Reach::AtMost(0.3)).reached());
        assert_eq!(row(Reach::AtLeast(3.0)).to_json()["ratio"], 3.0);
    }
}
