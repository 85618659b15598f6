//! Rows on their way to a rule that needs their leaf hashes. Several are hashed side by side, on a thread of their own while
//! the next are read.

use std::mem;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};

use vm_core::digest::LeafHash;
use vm_core::error::RecordError;
use vm_core::record::StoredRow;
use vm_core::view::{RowState, ViewError, Visit};

/// Most rows hashed at once: what the lanes of the hash and a cache of a few hundred kilobytes have use for.
const ROWS_MAX: usize = 64;
/// Bytes of rows hashed at once, unless one row alone has more: bounds the memory for long rows.
const BYTES_MAX: usize = 1024 * 1024;
/// Groups of rows that may be on their way at once: enough that neither thread waits for the other at each group.
const GROUPS_MAX: usize = 8;

/// What is known of the row that an entry names: its state, and the hash of its leaf data where it has some.
pub(crate) struct Hashed {
    pub(crate) state: RowState,
    pub(crate) leaf: Option<Result<LeafHash, RecordError>>,
}

impl Hashed {
    /// One row alone.
    pub(crate) fn of(state: RowState) -> Self {
        let leaf = row_of(&state).map(StoredRow::leaf_hash);
        Self { state, leaf }
    }
}

type Group<T> = Vec<(T, RowState)>;
type HashedGroup<T> = Vec<(T, Hashed)>;
/// Takes one row that was read, with what stands beside it.
pub(crate) type Take<'a, T> = dyn FnMut(T, RowState) -> Result<Visit, ViewError> + 'a;

/// Reads rows with `read`, and tells `judge` of each in the order they were read, hashed, until it says that it has enough.
///
/// # Errors
/// Those of `read` and `judge`.
pub(crate) fn pass<T: Send>(
    read: impl FnOnce(&mut Take<'_, T>) -> Result<(), ViewError>,
    mut judge: impl FnMut(T, Hashed) -> Result<Visit, ViewError>,
) -> Result<(), ViewError> {
    let mut judge_all = |group: HashedGroup<T>| {
        for (beside, hashed) in group {
            if judge(beside, hashed)? == Visit::Stop {
                return Ok(Visit::Stop);
            }
        }
        Ok(Visit::Continue)
    };
    thread::scope(|scope| {
        let (mut group, mut bytes, mut hasher, mut visit) = (Vec::new(), 0, None, Visit::Continue);
        read(&mut |beside, state| {
            bytes += row_of(&state).map_or(0, StoredRow::byte_len);
            group.push((beside, state));
            if group.len() < ROWS_MAX && bytes < BYTES_MAX {
                return Ok(Visit::Continue);
            }
            bytes = 0;
            let group = mem::take(&mut group);
            // Few rows are not worth a thread.
            let hasher: &mut Hasher<T> = hasher.get_or_insert_with(|| Hasher::new(scope));
            for done in hasher.exchange(group) {
                visit = judge_all(done)?;
                if visit == Visit::Stop {
                    break;
                }
            }
            Ok(visit)
        })?;
        let left = hasher.map_or_else(Vec::new, Hasher::finish);
        for done in left.into_iter().chain([hash(group)]) {
            if visit == Visit::Stop {
                break;
            }
            visit = judge_all(done)?;
        }
        Ok(())
    })
}

/// The thread that hashes.
enum Hasher<T> {
    Thread {
        groups: Sender<Group<T>>,
        hashed: Receiver<HashedGroup<T>>,
        under_way: usize,
    },
    /// The system has no thread for us.
    None,
}

impl<T: Send> Hasher<T> {
    fn new<'scope>(scope: &'scope Scope<'scope, '_>) -> Self
    where
        T: 'scope,
    {
        let (groups, to_hash) = mpsc::channel();
        let (done, hashed) = mpsc::channel();
        let work = move || to_hash.into_iter().try_for_each(|group| done.send(hash(group)));
        match thread::Builder::new().name("hasher".to_owned()).spawn_scoped(scope, work) {
            Ok(_) => Self::Thread { groups, hashed, under_way: 0 },
            Err(_) => Self::None,
        }
    }

    /// Gives a group to be hashed, and takes those that are: all that are due where too many are under way.
    fn exchange(&mut self, group: Group<T>) -> Vec<HashedGroup<T>> {
        let Self::Thread { groups, hashed, under_way } = self else {
            return vec![hash(group)];
        };
        // It ends before this side does only by a panic, which the end of the scope hands on.
        let _ = groups.send(group);
        *under_way += 1;
        let mut done = Vec::new();
        while let Ok(group) =
            if *under_way > GROUPS_MAX { hashed.recv().map_err(drop) } else { hashed.try_recv().map_err(drop) }
        {
            *under_way -= 1;
            done.push(group);
        }
        done
    }

    /// The groups that are still under way.
    fn finish(self) -> Vec<HashedGroup<T>> {
        match self {
            Self::Thread { groups, hashed, .. } => {
                drop(groups);
                hashed.into_iter().collect()
            }
            Self::None => Vec::new(),
        }
    }
}

fn hash<T>(group: Group<T>) -> HashedGroup<T> {
    let mut leaves = StoredRow::leaf_hashes(group.iter().filter_map(|(_, state)| row_of(state))).into_iter();
    let hashed = |(beside, state)| {
        let leaf = row_of(&state).and_then(|_| leaves.next());
        (beside, Hashed { state, leaf })
    };
    group.into_iter().map(hashed).collect()
}

const fn row_of(state: &RowState) -> Option<&StoredRow> {
    match state {
        RowState::Present(row) => Some(row),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `count` rows that are not there, and judges until `stop` of them were.
    fn judged(count: usize, stop: usize) -> (usize, Vec<usize>) {
        let (mut read, mut seen) = (0, Vec::new());
        let passed = pass(
            |take| {
                for number in 0..count {
                    read += 1;
                    if take(number, RowState::Missing)? == Visit::Stop {
                        break;
                    }
                }
                Ok(())
            },
            |number, hashed| {
                assert_eq!((hashed.state, hashed.leaf), (RowState::Missing, None));
                seen.push(number);
                Ok(if seen.len() == stop { Visit::Stop } else { Visit::Continue })
            },
        );
        passed.unwrap();
        (read, seen)
    }

    #[test]
    fn every_row_is_judged_once_and_in_order() {
        for count in [0, 1, ROWS_MAX - 1, ROWS_MAX, ROWS_MAX + 1, 50 * ROWS_MAX + 7] {
            assert_eq!(judged(count, usize::MAX), (count, (0..count).collect()));
        }
    }

    #[test]
    fn whoever_has_enough_is_told_no_more() {
        for stop in [1, ROWS_MAX, 10 * ROWS_MAX + 3, 100 * ROWS_MAX - 1] {
            let (read, seen) = judged(100 * ROWS_MAX, stop);
            assert_eq!(seen, (0..stop).collect::<Vec<_>>());
            assert!(read <= stop + (GROUPS_MAX + 2) * ROWS_MAX, "{read} rows were read for {stop}");
        }
    }

    #[test]
    fn a_fault_of_either_side_is_the_answer() {
        let fault = || ViewError::store(RecordError::UnknownTable { found: "table".to_owned() });
        let answers = [
            pass::<usize>(|_| Err(fault()), |_, _| Ok(Visit::Continue)),
            pass(|take| take(1, RowState::Missing).map(drop), |_: i32, _| Err(fault())),
            pass(
                |take| (0..1_000).try_for_each(|number| take(number, RowState::Missing).map(drop)),
                |number, _| if number == 900 { Err(fault()) } else { Ok(Visit::Continue) },
            ),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(ViewError::Store(_))));
        }
    }
}
