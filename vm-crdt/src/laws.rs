//! The laws that every replicated type keeps, and a check of them for any type.
//!
//! A replica is a set of ops that holds the past of each. Its state must be a function of that set: the same in every order of delivery in which
//! an op comes after its past, however ops are grouped, and whichever replicas merge first, in whatever direction, or twice.
//!
//! ```
//! use vm_crdt::laws::{History, Replicated, check};
//! use vm_crdt::{OpId, OpIndex, Past};
//!
//! /// Keeps what came last, and so depends on what comes last.
//! #[derive(Default)]
//! struct Last(u8);
//!
//! impl Replicated for Last {
//!     type Update = u8;
//!     fn apply<P: Past + ?Sized>(&mut self, _: &P, _: OpIndex, update: &u8) {
//!         self.0 = *update;
//!     }
//!     fn encode(&self) -> Vec<u8> {
//!         vec![self.0]
//!     }
//! }
//!
//! let [a, b] = [1, 2].map(|n| OpId::from_bytes([n; 32]));
//! let one_after_the_other = History::new(vec![(a, vec![], 1), (b, vec![0], 2)])?;
//! assert!(check::<Last>(&one_after_the_other, 0).is_ok());
//! let at_the_same_time = History::new(vec![(a, vec![], 1), (b, vec![], 2)])?;
//! assert!(check::<Last>(&at_the_same_time, 0).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::error::{HistoryError, LawError};
use crate::id::{OpId, OpIndex, Past};

/// Longest history: which op lies in whose past is held for each pair, in 2 MiB.
pub const HISTORY_MAX: usize = 4_096;
/// Longest history of which every order and every beginning of one is walked: six ops that know nothing of each other have 1,957.
const WALKED_MAX: usize = 6;
/// Random orders, and random merges, of a longer history.
const DRAWN: usize = 16;
/// The same of one that was walked: its orders are known, groups and merges are not.
const DRAWN_OF_WALKED: usize = 2;

/// A type whose state is a function of a set of ops.
pub trait Replicated: Default {
    /// What an op does.
    type Update;

    /// Takes up one op: once, after all ops in its past.
    fn apply<P: Past + ?Sized>(&mut self, past: &P, op: OpIndex, update: &Self::Update);

    /// Takes up many ops, each after its past; one after the other unless a type knows better.
    fn apply_all<P: Past + ?Sized>(&mut self, past: &P, ops: &[(OpIndex, &Self::Update)]) {
        for (op, update) in ops {
            self.apply(past, *op, update);
        }
    }

    /// The state as bytes: equal for equal states, and different for different ones.
    fn encode(&self) -> Vec<u8>;
}

/// A set of ops with all that is in their past.
#[derive(Clone, Debug)]
pub struct History<U> {
    ops: Vec<(OpId, U)>,
    /// Of each op, itself and the ops in its past: one bit each.
    past: Vec<Vec<u64>>,
}

impl<U> History<U> {
    /// Ops with their predecessors, which stand before them.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn new(ops: Vec<(OpId, Vec<usize>, U)>) -> Result<Self, HistoryError> {
        if ops.len() > HISTORY_MAX {
            return Err(HistoryError::TooLong { limit: HISTORY_MAX, found: ops.len() });
        }
        let words = ops.len().div_ceil(64);
        let mut history = Self { ops: Vec::new(), past: Vec::new() };
        for (op, (id, predecessors, update)) in ops.into_iter().enumerate() {
            if history.ops.iter().any(|(other, _)| *other == id) {
                return Err(HistoryError::Name { op });
            }
            let mut past = vec![0; words];
            for predecessor in predecessors {
                let before = history.past.get(predecessor).ok_or(HistoryError::Predecessor { op })?;
                past.iter_mut().zip(before).for_each(|(word, before)| *word |= before);
            }
            set(&mut past, op);
            history.past.push(past);
            history.ops.push((id, update));
        }
        Ok(history)
    }

    /// How many ops there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Delivery in the order in which the ops were given.
    #[must_use]
    pub fn in_order(&self) -> Delivery<'_, U> {
        Delivery { history: self, order: (0..self.len()).collect() }
    }

    /// Delivery of these ops, by their indices, in this order.
    #[must_use]
    pub fn delivery(&self, order: &[usize]) -> Delivery<'_, U> {
        Delivery { history: self, order: order.to_vec() }
    }

    /// What the ops do, with their places in [`Self::in_order`].
    pub fn updates(&self) -> impl Iterator<Item = (OpIndex, &U)> {
        (0..).map(OpIndex::from_u32).zip(self.ops.iter().map(|(_, update)| update))
    }

    /// Whether `earlier` is `later` or lies in its past.
    #[must_use]
    pub fn is_or_precedes(&self, earlier: usize, later: usize) -> bool {
        self.past.get(later).is_some_and(|past| has(past, earlier))
    }

    /// Name of an op of the history.
    #[must_use]
    pub fn id(&self, op: usize) -> Option<&OpId> {
        self.ops.get(op).map(|(id, _)| id)
    }

    /// Ops that may come next: all that lies in their past is there.
    fn ready(&self, there: &[u64]) -> Vec<usize> {
        let misses = |op: &usize| {
            let past = self.past.get(*op).map(Vec::as_slice).unwrap_or_default();
            past.iter().zip(there).map(|(past, there)| (past & !there).count_ones()).sum::<u32>()
        };
        (0..self.len()).filter(|op| misses(op) == 1 && !has(there, *op)).collect()
    }

    /// All ops, as bits.
    fn all(&self) -> Vec<u64> {
        let mut all = self.none();
        (0..self.len()).for_each(|op| set(&mut all, op));
        all
    }

    fn none(&self) -> Vec<u64> {
        vec![0; self.len().div_ceil(64)]
    }
}

/// Ops in one order of delivery: what a type may ask of them.
#[derive(Clone, Debug)]
pub struct Delivery<'a, U> {
    history: &'a History<U>,
    order: Vec<usize>,
}

impl<U> Delivery<'_, U> {
    fn op(&self, place: OpIndex) -> usize {
        let place = usize::try_from(place.as_u32()).unwrap_or(usize::MAX);
        self.order.get(place).copied().unwrap_or(usize::MAX)
    }

    /// What the ops do, in order.
    #[must_use]
    pub fn updates(&self) -> Vec<(OpIndex, &U)> {
        let updates = self.order.iter().filter_map(|op| self.history.ops.get(*op).map(|(_, update)| update));
        (0..).map(OpIndex::from_u32).zip(updates).collect()
    }
}

impl<U> Past for Delivery<'_, U> {
    fn is_or_precedes(&self, earlier: OpIndex, later: OpIndex) -> bool {
        self.history.is_or_precedes(self.op(earlier), self.op(later))
    }

    fn id(&self, op: OpIndex) -> &OpId {
        // Only for a place that was never handed out.
        const NONE: &OpId = &OpId::from_bytes([0; 32]);
        self.history.id(self.op(op)).unwrap_or(NONE)
    }
}

/// Checks that `T` keeps the laws on this history: in all orders and all their beginnings where there are up to six ops, else in random ones
/// by `seed`; and in random groups and merges. Cost: some hundred deliveries of the history, or the orders of six ops.
///
/// # Errors
/// [`LawError`], the first law that is broken.
pub fn check<T: Replicated>(history: &History<T::Update>, seed: u64) -> Result<(), LawError> {
    let mut chance = Chance(seed);
    let walked = history.len() <= WALKED_MAX;
    if walked {
        check_orders::<T>(history)?;
    }
    let whole = draw(history, &history.all(), &mut chance);
    let state = deliver::<T>(history, &whole);
    for _ in 0..if walked { DRAWN_OF_WALKED } else { DRAWN } {
        let other = draw(history, &history.all(), &mut chance);
        if deliver::<T>(history, &other) != state {
            return Err(LawError::Order { left: whole, right: other });
        }
        check_groups::<T>(history, other, &state, &mut chance)?;
        check_merges::<T>(history, &mut chance)?;
    }
    Ok(())
}

/// Walks all orders and their beginnings: one set of ops must have one state.
fn check_orders<T: Replicated>(history: &History<T::Update>) -> Result<(), LawError> {
    let mut states: BTreeMap<Vec<u64>, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    let mut open = vec![Vec::new()];
    while let Some(order) = open.pop() {
        let mut there = history.none();
        order.iter().for_each(|op| set(&mut there, *op));
        for next in history.ready(&there) {
            let mut longer = order.clone();
            longer.push(next);
            open.push(longer);
        }
        let state = deliver::<T>(history, &order);
        match states.entry(there) {
            Entry::Vacant(vacant) => drop(vacant.insert((order, state))),
            Entry::Occupied(known) if known.get().1 != state => {
                return Err(LawError::Order { left: known.get().0.clone(), right: order });
            }
            Entry::Occupied(_) => {}
        }
    }
    Ok(())
}

fn check_groups<T: Replicated>(
    history: &History<T::Update>,
    order: Vec<usize>,
    state: &[u8],
    chance: &mut Chance,
) -> Result<(), LawError> {
    let delivery = history.delivery(&order);
    let updates = delivery.updates();
    let mut grouped = T::default();
    let mut groups = Vec::new();
    let mut rest = &updates[..];
    while !rest.is_empty() {
        let (group, after) = rest.split_at(1 + chance.below(rest.len()));
        grouped.apply_all(&delivery, group);
        groups.push(group.len());
        rest = after;
    }
    if grouped.encode() == state { Ok(()) } else { Err(LawError::Grouping { order, groups }) }
}

/// Three replicas that hold some of the ops, each in an order of its own.
fn check_merges<T: Replicated>(history: &History<T::Update>, chance: &mut Chance) -> Result<(), LawError> {
    let [a, b, c] = [(); 3].map(|()| {
        let mut some = history.none();
        for (op, past) in history.past.iter().enumerate() {
            if chance.below(history.len()) < 2 || has(&some, op) {
                some.iter_mut().zip(past).for_each(|(word, past)| *word |= past);
            }
        }
        draw(history, &some, chance)
    });
    let (ab, ba) = (merge(&a, &b), merge(&b, &a));
    let (left, right) = (merge(&ab, &c), merge(&a, &merge(&b, &c)));
    let again = merge(&merge(&merge(&b, &ab), &c), &a);
    let differ = |x: &[usize], y: &[usize]| deliver::<T>(history, x) != deliver::<T>(history, y);
    if differ(&ab, &ba) {
        return Err(LawError::Commutative { left: ab, right: ba });
    }
    if differ(&left, &right) {
        return Err(LawError::Associative { left, right });
    }
    if differ(&left, &again) {
        return Err(LawError::Idempotent { left, right: again });
    }
    Ok(())
}

/// What a replica that delivered `mine` has delivered once it took up what another has in `theirs`.
fn merge(mine: &[usize], theirs: &[usize]) -> Vec<usize> {
    let new = theirs.iter().filter(|op| !mine.contains(op));
    mine.iter().chain(new).copied().collect()
}

fn deliver<T: Replicated>(history: &History<T::Update>, order: &[usize]) -> Vec<u8> {
    let delivery = history.delivery(order);
    let mut state = T::default();
    for (place, update) in delivery.updates() {
        state.apply(&delivery, place, update);
    }
    state.encode()
}

/// A random order of `wanted`, a set that holds the past of each of its ops.
fn draw<U>(history: &History<U>, wanted: &[u64], chance: &mut Chance) -> Vec<usize> {
    let mut there = history.none();
    let mut order = Vec::new();
    loop {
        let mut ready = history.ready(&there);
        ready.retain(|op| has(wanted, *op));
        let Some(op) = ready.get(chance.below(ready.len())) else { return order };
        set(&mut there, *op);
        order.push(*op);
    }
}

/// SplitMix64: the same draws for the same seed, on every machine.
struct Chance(u64);

impl Chance {
    /// A number below `bound`; 0 for a bound of 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(drawn % bound).unwrap_or(0)
    }
}

fn set(bits: &mut [u64], place: usize) {
    if let Some(word) = bits.get_mut(place / 64) {
        *word |= 1 << (place % 64);
    }
}

fn has(bits: &[u64], place: usize) -> bool {
    bits.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
}
