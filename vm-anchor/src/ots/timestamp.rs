//! A timestamp: operations and attestations, in the order in which they are stored.
//!
//! ```text
//! node     = *( ff child ) child
//! child    = 00 attestation / operation node
//! ```
//!
//! It is kept as the list of its steps, not as a tree: what was read is written again byte for byte, and nothing calls
//! itself however deep the input is.

use super::attestation::Attestation;
use super::error::OtsError;
use super::op::{MESSAGE_BYTES_MAX, Op, Strength};

/// Most operations one after the other: python-opentimestamps 0.4.5 refuses the 256th (`Timestamp.deserialize`), so that
/// what is written here is read there.
pub const DEPTH_MAX: usize = 255;

/// Most steps of a timestamp. Those of public calendars have some hundred; with messages of the longest kind as many as
/// these are hashed in a tenth of a second.
pub const STEPS_MAX: usize = 16_384;

/// One step of a timestamp.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// Another child of this message comes after the next.
    Fork,
    /// The message becomes another.
    Op(Op),
    /// Somebody attests the message. The next step goes on at the last fork.
    Attestation(Attestation),
}

/// Steps from one message to attestations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timestamp {
    steps: Vec<Step>,
}

/// An attestation, and what it attests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attested<'a> {
    /// The message that the operations come to.
    pub message: Vec<u8>,
    /// Who attests it.
    pub attestation: &'a Attestation,
    /// How strong the weakest operation on the way is.
    pub strength: Strength,
    /// Place of the attestation among the steps.
    pub at: usize,
}

impl Timestamp {
    /// Reads the steps from a message to attestations, as a calendar sends them. All of `bytes` is read.
    ///
    /// # Errors
    /// [`OtsError`].
    pub fn parse(bytes: &[u8], message: &[u8]) -> Result<Self, OtsError> {
        let mut cursor = Cursor::new(bytes);
        let timestamp = Self::read(&mut cursor)?;
        if !cursor.is_finished() {
            return Err(OtsError::TrailingBytes);
        }
        timestamp.attested(message)?;
        Ok(timestamp)
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, OtsError> {
        let (mut steps, mut depth, mut forks) = (Vec::new(), 0, Vec::new());
        loop {
            if steps.len() >= STEPS_MAX {
                return Err(OtsError::TooMany { limit: STEPS_MAX });
            }
            let mut tag = cursor.byte()?;
            if tag == 0xff {
                steps.push(Step::Fork);
                forks.push(depth);
                tag = cursor.byte()?;
            }
            if tag == 0 {
                steps.push(Step::Attestation(Attestation::read(cursor)?));
                match forks.pop() {
                    Some(fork) => depth = fork,
                    None => return Ok(Self { steps }),
                }
                continue;
            }
            let op = match tag {
                0xf0 => Op::Append(operand(cursor)?),
                0xf1 => Op::Prepend(operand(cursor)?),
                tag => Op::of_tag(tag).ok_or(OtsError::Op { tag })?,
            };
            steps.push(Step::Op(op));
            depth += 1;
            if depth > DEPTH_MAX {
                return Err(OtsError::TooDeep { limit: DEPTH_MAX });
            }
        }
    }

    pub(super) const fn of(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The bytes, as they are stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for step in &self.steps {
            match step {
                Step::Fork => out.push(0xff),
                Step::Op(op) => {
                    out.push(op.tag());
                    if let Some(operand) = op.operand() {
                        write_number(u64::try_from(operand.len()).unwrap_or(u64::MAX), &mut out);
                        out.extend_from_slice(operand);
                    }
                }
                Step::Attestation(attestation) => {
                    out.push(0);
                    attestation.write(&mut out);
                }
            }
        }
        out
    }

    /// The attestations, each with the message that the steps come to. Cost: one hash a step; memory: one message a fork that
    /// is open, at most [`DEPTH_MAX`] of them.
    ///
    /// # Errors
    /// [`OtsError::Length`] where an operation cannot be done.
    pub fn attested(&self, message: &[u8]) -> Result<Vec<Attested<'_>>, OtsError> {
        let (mut found, mut forks) = (Vec::new(), Vec::new());
        let mut current = (message.to_vec(), Strength::Strong);
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Fork => forks.push(current.clone()),
                Step::Op(op) => current = (op.apply(&current.0)?, current.1.max(op.strength())),
                Step::Attestation(attestation) => {
                    let (message, strength) = match forks.pop() {
                        Some(fork) => std::mem::replace(&mut current, fork),
                        None => std::mem::take(&mut current),
                    };
                    found.push(Attested { message, attestation, strength, at });
                }
            }
        }
        Ok(found)
    }
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, OtsError> {
    let operand = cursor.sized(MESSAGE_BYTES_MAX)?;
    if operand.is_empty() {
        return Err(OtsError::Length { limit: MESSAGE_BYTES_MAX });
    }
    Ok(operand.to_vec())
}

/// Reads bytes one after the other.
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_finished(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], OtsError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(OtsError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, OtsError> {
        self.take(1)?.first().copied().ok_or(OtsError::Truncated)
    }

    /// A number, seven bits a byte, the least significant first. Only the shortest form is taken, so that what is read is
    /// written again as it stood.
    pub(super) fn number(&mut self) -> Result<u64, OtsError> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            let shifted = part.checked_shl(shift).filter(|shifted| shifted >> shift == part).ok_or(OtsError::Number)?;
            number |= shifted;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(OtsError::Number) } else { Ok(number) };
            }
            shift += 7;
        }
    }

    /// Bytes behind their length, at most `limit` of them.
    pub(super) fn sized(&mut self, limit: usize) -> Result<&'a [u8], OtsError> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if length > limit {
            return Err(OtsError::Length { limit });
        }
        self.take(length)
    }
}

pub(super) fn write_number(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let part = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            return out.push(part);
        }
        out.push(part | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for number in [0, 1, 127, 128, 358_391, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            write_number(number, &mut bytes);
            assert_eq!(Cursor::new(&bytes).number(), Ok(number));
        }
        for bytes in
            [&[0x80, 0][..], &[0x81, 0x80, 0], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert_eq!(Cursor::new(bytes).number(), Err(OtsError::Number), "{bytes:?}");
        }
        assert_eq!(Cursor::new(&[0x80]).number(), Err(OtsError::Truncated));
    }
}
