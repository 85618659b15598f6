//! Thresholds: where detection begins. Each default has its reason; each can be set otherwise.

/// Where guardians begin to speak.
#[derive(Clone, PartialEq, Debug)]
pub struct Thresholds {
    /// Identities that must take part before signals decide anything. 4: of n = 3f + 1 one may lie (f = 1) and is outvoted
    /// (Lamport, Shostak and Pease 1982).
    pub quorum: usize,
    /// Signals of one identity on one subject that count. 16: the median of an identity settles within a few, and a loud one
    /// gains nothing by more.
    pub per_identity_cap: usize,
    /// Support, from 0 to 1, from which on signals speak for a promotion. One half.
    pub support: f64,
    /// Share of identities on the other side of [`Thresholds::support`] above which signals settle nothing. One third: so a
    /// promotion needs two thirds, the bound above which f of 3f + 1 liars cannot carry one.
    pub dissent: f64,
    /// Modified z-score from which on an identity is an outlier. 3.5, after Iglewicz and Hoaglin (1993).
    pub outlier: f64,
    /// Rate at which one of all honest identities is called an outlier; raises [`Thresholds::outlier`] where there are many
    /// (Bonferroni). One in a hundred.
    pub outlier_rate: f64,
    /// Least scale of support that deviations are measured by. 0.05: where nearly all agree, a last digit is no lie.
    pub scale_floor: f64,
    /// Level of the trend tests, one-sided. 0.01: a guardian on watch runs often, and one false alarm in a hundred clean runs
    /// is what a person bears.
    pub trend_level: f64,
    /// Groups, in the order of the log, that a trend is looked for over. 10: the normal form of the Mann-Kendall test holds
    /// from 10 on (Mann 1945; Kendall 1975).
    pub trend_groups: usize,
    /// Events a group must have. 10: a rate over fewer moves by more than 0.1 with each.
    pub trend_group_min: usize,
    /// Rise of a rate from the first third of the groups to the last that matters. 0.05: less is not felt by those at work.
    pub rate_rise: f64,
    /// Drift of support between the first third and the last that matters. 0.2: two fifths of the way that decides.
    pub support_drift: f64,
    /// Refusals of work that nobody labelled from which on it is said that they could not be judged. 10, as for a group.
    pub unlabelled_refusals: u64,
    /// Level of the test whether a replay shows more false alarms than before. As [`Thresholds::trend_level`].
    pub replay_level: f64,
    /// How far a row's time may lie before that of an earlier row, in microseconds. Ten seconds, as in the audit: writers that
    /// make their rows at once wait for their turn for up to five.
    pub clock_back_micros: i64,
    /// How far a row's time may lie ahead of the clock at hand, in microseconds. Five minutes, the tolerance of Kerberos
    /// (RFC 4120, section 5.2.3 and its profile of deployment).
    pub clock_ahead_micros: i64,
    /// How long a call may go unanswered before it is a gap, in microseconds. One hour: longer than any time limit of a tool
    /// that we know of.
    pub open_call_micros: i64,
    /// Share of calls left open above which traces are called broken. 0.05: a process that is killed leaves one; one in
    /// twenty is a habit.
    pub open_calls: f64,
    /// Kinds of artifacts that must stand in the trace of a call. None unless told: which ones do depends on who records.
    pub traced_kinds: Vec<String>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            quorum: 4,
            per_identity_cap: 16,
            support: 0.5,
            dissent: 1.0 / 3.0,
            outlier: 3.5,
            outlier_rate: 0.01,
            scale_floor: 0.05,
            trend_level: 0.01,
            trend_groups: 10,
            trend_group_min: 10,
            rate_rise: 0.05,
            support_drift: 0.2,
            unlabelled_refusals: 10,
            replay_level: 0.01,
            clock_back_micros: 10 * 1_000_000,
            clock_ahead_micros: 5 * 60 * 1_000_000,
            open_call_micros: 60 * 60 * 1_000_000,
            open_calls: 0.05,
            traced_kinds: Vec::new(),
        }
    }
}
