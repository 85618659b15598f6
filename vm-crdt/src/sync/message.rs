//! Messages, as bytes.
//!
//! ```text
//! offer   = 01 | "vm-sync-v0" | graph (32) | key (16) | events known (4) | last (32) | proofs (32) | heads: 0 where too many, or 1 + count, and 32 each | run of symbols
//! more    = 02 | first | end                         symbols = 03 | run of symbols
//! give    = 04 | 1 if it is the last, else 0 | pack   want    = 05 | short ids: count, 8 each | names: count, 32 each
//! facts   = 06 | 0 if more follow, 1 if an answer is asked for, 2 if it is the last | events known (4) | last (32) | events: count, each with its length | proofs: the same | forks: the same
//! tips    = 07 | 1 if an answer is asked for, else 0 | count, each author (32), seq, name (32)
//! done    = 08 | standing (32) | heads when it began: 0 where too many, or 1 + count, and 32 each
//! ask     = 09 | number of the event (4) | offset     state   = 0a | number of the event (4) | offset | length of the whole | bytes
//! ```
//!
//! Counts, lengths, offsets and `seq` are LEB128 integers. `last` is the digest of the last event that is known, or of the charter; of a
//! chain that is forked, of the last before the fork. `proofs` is SHA-256 over the names of the ops that prove something, and of two events of one number; `standing` is SHA-256
//! over `last`, `proofs`, and the names of all heads, ascending.

use vm_core::digest::Sha256Digest;
use vm_core::key::PublicKey;

use crate::bytes::{Bytes, put_varint, wide};
use crate::error::MessageError;
use crate::id::{GraphId, OpId};
use crate::sketch::{ShortId, SketchKey};

use super::{HEADS_MAX, WANT_MAX};

/// Format of the messages; each session begins with it.
pub const FORMAT: &[u8; 10] = b"vm-sync-v0";
/// Longest message, in bytes: the longest op with room for its predecessors, and the longest event.
pub const MESSAGE_MAX: usize = 2 << 20;

/// What one side has, for the other to compare.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The graph.
    pub graph: GraphId,
    /// Key of the sketch.
    pub key: SketchKey,
    /// Number of the last sealed event, or of the last before a fork.
    pub events: u32,
    /// Digest of that event, or of the charter.
    pub last: Sha256Digest,
    /// Over the proofs that are known.
    pub proofs: Sha256Digest,
    /// Heads, unless they are too many.
    pub heads: Option<Vec<OpId>>,
    /// First symbols of the sketch.
    pub run: Vec<u8>,
}

/// What follows on events and proofs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Then {
    /// More of them.
    #[default]
    More,
    /// An answer with what the other side knows beyond.
    Answer,
    /// Nothing.
    Nothing,
}

/// Events and proofs, as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Whether more follow, or the other side is to say what it knows beyond.
    pub then: Then,
    /// Number of the last sealed event that is known, or of the last before a fork.
    pub known: u32,
    /// Digest of that event, or of the charter.
    pub last: Sha256Digest,
    /// Sealed events, each canonical.
    pub events: Vec<Vec<u8>>,
    /// Proofs of equivocation, each canonical.
    pub proofs: Vec<Vec<u8>>,
    /// A fork of the chain of events: no event, or two.
    pub forks: Vec<Vec<u8>>,
}

/// An author's last op.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tip {
    /// The author.
    pub author: PublicKey,
    /// Number of the op.
    pub seq: u64,
    /// Its name.
    pub id: OpId,
}

/// What one side says to the other.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Message {
    /// Begins a round.
    Offer(Offer),
    /// Asks for more symbols: from the first of these places to before the second.
    More(u64, u64),
    /// More symbols.
    Symbols(Vec<u8>),
    /// A pack of ops, and whether it is the last.
    Give(bool, Vec<u8>),
    /// Asks for ops by what the sketch gave, or by name.
    Want(Vec<ShortId>, Vec<OpId>),
    /// Events and proofs.
    Facts(Facts),
    /// Last ops of all authors, and whether the other side is to name its own.
    Tips(bool, Vec<Tip>),
    /// The side that answers has sent and got all: a digest of where it stands, and its heads when the session began.
    Done(Sha256Digest, Option<Vec<OpId>>),
    /// Asks for a sealed state, from this byte on.
    Ask(u32, u64),
    /// Part of a sealed state.
    State {
        /// Number of the compaction that sealed it.
        number: u32,
        /// Place of the bytes.
        offset: u64,
        /// Length of the whole.
        whole: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

impl Message {
    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![self.tag()];
        match self {
            Self::Offer(offer) => put_offer(&mut out, offer),
            Self::More(first, end) => [first, end].into_iter().for_each(|value| put_varint(&mut out, *value)),
            Self::Symbols(run) => out.extend_from_slice(run),
            Self::Give(is_last, pack) => {
                out.push(u8::from(*is_last));
                out.extend_from_slice(pack);
            }
            Self::Want(shorts, names) => {
                put_varint(&mut out, wide(shorts.len()));
                shorts.iter().for_each(|short| out.extend_from_slice(&short.as_u64().to_be_bytes()));
                put_varint(&mut out, wide(names.len()));
                names.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
            }
            Self::Facts(facts) => put_facts(&mut out, facts),
            Self::Tips(wants_answer, tips) => {
                out.push(u8::from(*wants_answer));
                put_varint(&mut out, wide(tips.len()));
                for tip in tips {
                    out.extend_from_slice(tip.author.as_bytes());
                    put_varint(&mut out, tip.seq);
                    out.extend_from_slice(tip.id.as_bytes());
                }
            }
            Self::Done(standing, began) => {
                out.extend_from_slice(standing.as_bytes());
                put_heads(&mut out, began.as_deref());
            }
            Self::Ask(number, offset) => {
                out.extend_from_slice(&number.to_be_bytes());
                put_varint(&mut out, *offset);
            }
            Self::State { number, offset, whole, bytes } => {
                out.extend_from_slice(&number.to_be_bytes());
                put_varint(&mut out, *offset);
                put_varint(&mut out, *whole);
                out.extend_from_slice(bytes);
            }
        }
        out
    }

    const fn tag(&self) -> u8 {
        match self {
            Self::Offer(_) => 1,
            Self::More(..) => 2,
            Self::Symbols(_) => 3,
            Self::Give(..) => 4,
            Self::Want(..) => 5,
            Self::Facts(_) => 6,
            Self::Tips(..) => 7,
            Self::Done(..) => 8,
            Self::Ask(..) => 9,
            Self::State { .. } => 10,
        }
    }

    /// Reads a message whole. Runs, packs, events and proofs in it are read by whoever takes them.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MESSAGE_MAX {
            return Err(MessageError::TooLong { limit: MESSAGE_MAX, found: bytes.len() });
        }
        let mut rest = Bytes::new(bytes);
        let message = match rest.byte()? {
            1 => Self::Offer(offer(&mut rest)?),
            2 => Self::More(rest.varint()?, rest.varint()?),
            3 => Self::Symbols(rest.take(rest.left())?.to_vec()),
            4 => Self::Give(flag(&mut rest)?, rest.take(rest.left())?.to_vec()),
            5 => Self::Want(
                list(&mut rest, 8, WANT_MAX, |rest| Ok(ShortId::from_u64(rest.u64()?)))?,
                names(&mut rest, WANT_MAX)?,
            ),
            6 => Self::Facts(facts(&mut rest)?),
            7 => Self::Tips(flag(&mut rest)?, list(&mut rest, 65, MESSAGE_MAX, tip)?),
            8 => Self::Done(Sha256Digest::from_bytes(rest.array()?), heads(&mut rest)?),
            9 => Self::Ask(rest.u32()?, rest.varint()?),
            10 => Self::State {
                number: rest.u32()?,
                offset: rest.varint()?,
                whole: rest.varint()?,
                bytes: rest.take(rest.left())?.to_vec(),
            },
            found => return Err(MessageError::Unknown { found }),
        };
        rest.end()?;
        Ok(message)
    }
}

fn put_offer(out: &mut Vec<u8>, offer: &Offer) {
    out.extend_from_slice(FORMAT);
    out.extend_from_slice(offer.graph.as_bytes());
    out.extend_from_slice(offer.key.as_bytes());
    out.extend_from_slice(&offer.events.to_be_bytes());
    out.extend_from_slice(offer.last.as_bytes());
    out.extend_from_slice(offer.proofs.as_bytes());
    put_heads(out, offer.heads.as_deref());
    out.extend_from_slice(&offer.run);
}

fn offer(rest: &mut Bytes<'_>) -> Result<Offer, MessageError> {
    if &rest.array::<10>()? != FORMAT {
        return Err(MessageError::Format);
    }
    let graph = GraphId::from_digest(Sha256Digest::from_bytes(rest.array()?));
    let key = SketchKey::from_bytes(rest.array()?);
    let events = rest.u32()?;
    let last = Sha256Digest::from_bytes(rest.array()?);
    let proofs = Sha256Digest::from_bytes(rest.array()?);
    let heads = heads(rest)?;
    Ok(Offer { graph, key, events, last, proofs, heads, run: rest.take(rest.left())?.to_vec() })
}

fn put_heads(out: &mut Vec<u8>, heads: Option<&[OpId]>) {
    put_varint(out, heads.map_or(0, |heads| 1 + wide(heads.len())));
    heads.unwrap_or_default().iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
}

fn heads(rest: &mut Bytes<'_>) -> Result<Option<Vec<OpId>>, MessageError> {
    match rest.varint()?.checked_sub(1) {
        None => Ok(None),
        Some(found) if found > wide(HEADS_MAX) => Err(MessageError::TooMany { limit: HEADS_MAX, found }),
        Some(count) => (0..count).map(|_| Ok(OpId::from_bytes(rest.array()?))).collect::<Result<_, _>>().map(Some),
    }
}

fn put_facts(out: &mut Vec<u8>, facts: &Facts) {
    out.push(match facts.then {
        Then::More => 0,
        Then::Answer => 1,
        Then::Nothing => 2,
    });
    out.extend_from_slice(&facts.known.to_be_bytes());
    out.extend_from_slice(facts.last.as_bytes());
    for list in [&facts.events, &facts.proofs, &facts.forks] {
        put_varint(out, wide(list.len()));
        for bytes in list {
            put_varint(out, wide(bytes.len()));
            out.extend_from_slice(bytes);
        }
    }
}

fn facts(rest: &mut Bytes<'_>) -> Result<Facts, MessageError> {
    let then = match rest.byte()? {
        0 => Then::More,
        1 => Then::Answer,
        2 => Then::Nothing,
        found => return Err(MessageError::Unknown { found }),
    };
    let known = rest.u32()?;
    let last = Sha256Digest::from_bytes(rest.array()?);
    let mut lists = [Vec::new(), Vec::new(), Vec::new()];
    for each in &mut lists {
        *each = list(rest, 1, MESSAGE_MAX, |rest| {
            let length = rest.length()?;
            Ok(rest.take(length)?.to_vec())
        })?;
    }
    let [events, proofs, forks] = lists;
    Ok(Facts { then, known, last, events, proofs, forks })
}

fn tip(rest: &mut Bytes<'_>) -> Result<Tip, MessageError> {
    let author = PublicKey::from_bytes(rest.array()?).map_err(MessageError::Author)?;
    Ok(Tip { author, seq: rest.varint()?, id: OpId::from_bytes(rest.array()?) })
}

fn names(rest: &mut Bytes<'_>, limit: usize) -> Result<Vec<OpId>, MessageError> {
    list(rest, 32, limit, |rest| Ok(OpId::from_bytes(rest.array()?)))
}

fn flag(rest: &mut Bytes<'_>) -> Result<bool, MessageError> {
    match rest.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        found => Err(MessageError::Unknown { found }),
    }
}

/// A list of things that take `each` bytes at least, which must be there.
fn list<'a, T>(
    rest: &mut Bytes<'a>,
    each: usize,
    limit: usize,
    item: impl Fn(&mut Bytes<'a>) -> Result<T, MessageError>,
) -> Result<Vec<T>, MessageError> {
    let found = rest.varint()?;
    let limit = limit.min(rest.left() / each);
    match usize::try_from(found) {
        Ok(count) if count <= limit => (0..count).map(|_| item(rest)).collect(),
        _ => Err(MessageError::TooMany { limit, found }),
    }
}
