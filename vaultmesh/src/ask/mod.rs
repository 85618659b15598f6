//! Asking authorities for anchors: each on its own, again where that may help, and never longer than was allowed.
//!
//! The ledger is not held meanwhile. What comes back is bytes; whether they anchor anything is settled afterwards.

mod pace;

use std::thread;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::VaultError;

pub(crate) use pace::Paces;

/// First pause before an authority is asked again. Each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Most that an authority is asked, whatever is allowed.
pub const TRIES_MAX: u32 = 10;
/// Longest that authorities are waited for, in seconds. Who wants to wait for longer asks again.
pub const WAIT_SECONDS_MAX: u64 = 3_600;

/// How often and how long each authority is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Persistence {
    /// How often, at least once and at most [`TRIES_MAX`] times.
    pub tries: u32,
    /// How long all pauses together may be.
    pub wait: Duration,
}

impl Default for Persistence {
    /// Three times within a minute.
    fn default() -> Self {
        Self { tries: 3, wait: Duration::from_secs(60) }
    }
}

/// What came of asking one authority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Evidence was recorded.
    Anchored,
    /// There is a promise, or a transaction under way, that must be completed later.
    Pending,
    /// No answer came.
    Unreachable,
    /// The authority declined.
    Refused,
    /// The authority was asked too short a while ago.
    RateLimited,
    /// What it sent is signed with a certificate that was not valid any more.
    Expired,
    /// What it sent does not hold.
    Invalid,
}

impl Outcome {
    /// The word for it, as it is recorded.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Pending => "pending",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::RateLimited => "rate-limited",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
        }
    }

    /// Whether there is nothing wrong: it anchors, or will.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Anchored | Self::Pending)
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why an authority gave nothing.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) outcome: Outcome,
    /// Whether asking again may help.
    pub(crate) may_help: bool,
    /// How long it wants to be left alone.
    pub(crate) after: Option<Duration>,
    /// What is asked for again to complete it, such as a transaction.
    pub(crate) reference: Option<String>,
    pub(crate) error: Box<VaultError>,
}

/// Somewhere evidence can be had. Each call is one try.
pub(crate) trait Source: Send + Sync {
    fn ask(&self) -> Result<Vec<u8>, Unanswered>;
}

/// What an authority gave, after so many tries.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) tries: u32,
    pub(crate) given: Result<Vec<u8>, Unanswered>,
}

/// Asks all at once. `ahead` is how long each must be left alone first; `seed` moves the pauses apart, so that many who ask
/// do not come back together; `pause` waits.
pub(crate) fn ask_all(
    sources: &[(Box<dyn Source>, Duration)],
    persistence: Persistence,
    seed: u64,
    pause: &(dyn Fn(Duration) + Sync),
) -> Vec<Answer> {
    thread::scope(|scope| {
        let mut asked = Vec::with_capacity(sources.len());
        for (at, (source, ahead)) in (0..).zip(sources) {
            let budget = Budget { wait: persistence.wait, seed: seed.wrapping_add(at) };
            let most = persistence.tries.clamp(1, TRIES_MAX);
            asked.push(scope.spawn(move || ask_one(&**source, *ahead, most, budget, pause)));
        }
        // A thread that asks does not panic; if one did, it is as if nothing had come.
        asked.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    })
}

fn lost() -> Answer {
    let error = VaultError::Input { reason: "asking the authority ended without an answer".to_owned() };
    Answer {
        tries: 1,
        given: Err(Unanswered {
            outcome: Outcome::Unreachable,
            may_help: false,
            after: None,
            reference: None,
            error: Box::new(error),
        }),
    }
}

/// Time left to wait.
struct Budget {
    wait: Duration,
    seed: u64,
}

impl Budget {
    /// Takes this much time; none where less is left.
    fn take(&mut self, pause: Duration) -> Option<Duration> {
        self.wait = self.wait.checked_sub(pause)?;
        Some(pause)
    }

    /// The pause after the `tries`th try: twice as long each time, up to half of it less by chance.
    fn pause(&mut self, tries: u32) -> Duration {
        let whole = PAUSE_FIRST.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        // One step of the generator of Vigna's SplitMix64: enough to spread pauses.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let share = u32::try_from(mixed >> 54).unwrap_or(0);
        whole - whole.saturating_mul(share) / 2_048
    }
}

fn ask_one(
    source: &dyn Source,
    ahead: Duration,
    most: u32,
    mut budget: Budget,
    pause: &(dyn Fn(Duration) + Sync),
) -> Answer {
    if !ahead.is_zero() {
        match budget.take(ahead) {
            Some(ahead) => pause(ahead),
            None => return Answer { tries: 0, given: Err(too_soon(ahead)) },
        }
    }
    let mut tries = 1;
    loop {
        let unanswered = match source.ask() {
            Ok(bytes) => return Answer { tries, given: Ok(bytes) },
            Err(unanswered) => unanswered,
        };
        let wanted = budget.pause(tries).max(unanswered.after.unwrap_or_default());
        if !unanswered.may_help || tries >= most {
            return Answer { tries, given: Err(unanswered) };
        }
        match budget.take(wanted) {
            Some(wanted) => pause(wanted),
            None => return Answer { tries, given: Err(unanswered) },
        }
        tries += 1;
    }
}

fn too_soon(left: Duration) -> Unanswered {
    let reason = format!("it may be asked again in {} seconds", left.as_secs().saturating_add(1));
    let error = VaultError::RateLimited { reason };
    Unanswered {
        outcome: Outcome::RateLimited,
        may_help: false,
        after: Some(left),
        reference: None,
        error: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Gives nothing so many times, then an answer.
    struct Late {
        left: Mutex<u32>,
        after: Option<u64>,
        may_help: bool,
    }

    impl Source for Late {
        fn ask(&self) -> Result<Vec<u8>, Unanswered> {
            let mut left = self.left.lock().unwrap();
            if *left == 0 {
                return Ok(b"token".to_vec());
            }
            *left -= 1;
            let error = VaultError::Input { reason: "busy".to_owned() };
            let after = self.after.map(Duration::from_secs);
            Err(Unanswered {
                outcome: Outcome::Refused,
                may_help: self.may_help,
                after,
                reference: None,
                error: Box::new(error),
            })
        }
    }

    fn late(left: u32, after: Option<u64>, may_help: bool) -> (Box<dyn Source>, Duration) {
        (Box::new(Late { left: Mutex::new(left), after, may_help }), Duration::ZERO)
    }

    /// Tries, whether it was answered, and the pauses, for one source.
    fn run(source: (Box<dyn Source>, Duration), tries: u32, wait: u64) -> (u32, bool, Vec<Duration>) {
        let pauses = Mutex::new(Vec::new());
        let pause = |pause| pauses.lock().unwrap().push(pause);
        let persistence = Persistence { tries, wait: Duration::from_secs(wait) };
        let mut answers = ask_all(&[source], persistence, 7, &pause);
        let answer = answers.pop().unwrap();
        (answer.tries, answer.given.is_ok(), pauses.into_inner().unwrap())
    }

    #[test]
    fn it_is_asked_again_after_growing_pauses() {
        let (tries, answered, pauses) = run(late(4, None, true), 5, 60);
        assert_eq!((tries, answered, pauses.len()), (5, true, 4));
        for (at, pause) in pauses.iter().enumerate() {
            let whole = Duration::from_secs(1 << at);
            assert!(whole / 2 <= *pause && *pause <= whole, "pause {at} is {pause:?}");
        }
    }

    #[test]
    fn it_ends_with_the_tries_or_the_time() {
        let (tries, answered, pauses) = run(late(9, None, true), 3, 60);
        assert_eq!((tries, answered, pauses.len()), (3, false, 2));
        let (tries, answered, pauses) = run(late(9, None, true), 9, 2);
        assert!(!answered && tries < 4 && pauses.iter().sum::<Duration>() <= Duration::from_secs(2));
        let (tries, answered, _) = run(late(1, None, false), 9, 60);
        assert_eq!((tries, answered), (1, false), "asking again could not help");
        assert_eq!(run(late(u32::MAX, None, true), u32::MAX, 1_000_000).0, TRIES_MAX);
        assert_eq!(run(late(0, None, true), 0, 0).0, 1);
    }

    #[test]
    fn it_is_left_alone_as_long_as_it_asks() {
        let (tries, answered, pauses) = run(late(1, Some(40), true), 3, 60);
        assert_eq!((tries, answered, pauses), (2, true, vec![Duration::from_secs(40)]));
        let (tries, answered, pauses) = run(late(1, Some(61), true), 3, 60);
        assert_eq!((tries, answered, pauses), (1, false, vec![]), "longer than was allowed");
    }

    #[test]
    fn a_pace_is_kept_before_the_first_try() {
        let paced = |seconds| (late(0, None, true).0, Duration::from_secs(seconds));
        assert_eq!(run(paced(60), 3, 60), (1, true, vec![Duration::from_secs(60)]));
        let answers = ask_all(&[paced(61)], Persistence::default(), 0, &|_| panic!("it waited"));
        let Err(unanswered) = &answers[0].given else { panic!("it was asked") };
        assert_eq!((unanswered.outcome, answers[0].tries), (Outcome::RateLimited, 0));
        assert!(unanswered.error.to_string().contains("62 seconds"), "{}", unanswered.error);
    }

    #[test]
    fn one_that_is_late_holds_up_nobody() {
        let sources = [late(9, None, true), late(0, None, true), late(1, None, false)];
        let answers = ask_all(&sources, Persistence::default(), 3, &|_| {});
        let answered: Vec<bool> = answers.iter().map(|answer| answer.given.is_ok()).collect();
        assert_eq!(answered, [false, true, false]);
    }

    #[test]
    fn those_who_ask_together_do_not_come_back_together() {
        let pauses = Mutex::new(Vec::new());
        let sources: Vec<_> = (0..8).map(|_| late(1, None, true)).collect();
        ask_all(&sources, Persistence::default(), 11, &|pause| pauses.lock().unwrap().push(pause));
        let mut pauses = pauses.into_inner().unwrap();
        pauses.sort_unstable();
        pauses.dedup();
        assert_eq!(pauses.len(), 8);
    }
}
