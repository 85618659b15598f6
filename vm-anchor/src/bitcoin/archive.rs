//! Headers one after the other, all of them checked.

use core::fmt;

use super::block_hash::BlockHash;
use super::error::HeaderError;
use super::header::{HEADER_LEN, Header};
use super::target::{Network, PERIOD, U256, Work, retarget};

/// Most headers in an archive: what 2^21 blocks take, until about the year 2048, is 168 MB; no input may take over 256.
pub const HEADERS_MAX: usize = 1 << 21;
/// Blocks whose median time the next one must exceed (Bitcoin Core, `nMedianTimeSpan`).
const MEDIAN_SPAN: usize = 11;

/// Headers of consecutive blocks, each linked to the one before, each with the work that the rules of its network demand.
/// What is proven is proven among them: a pinned block ties them to the chain ([`super::BitcoinTrust`]).
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderArchive {
    network: Network,
    start: u32,
    bytes: Vec<u8>,
}

impl HeaderArchive {
    /// Checks raw headers of 80 bytes each, the first of which is that of the block at `start`. On mainnet the first change of
    /// the target that is in them can be computed only where `start` is a multiple of 2,016 or the change is the second one:
    /// see [`HeaderArchive::unchecked`].
    ///
    /// Cost: two compressions of SHA-256 twice a header, 0.5 seconds a million; no memory beside the bytes.
    ///
    /// # Errors
    /// [`HeaderError`], with the height of the first header that breaks a rule.
    pub fn parse(network: Network, start: u32, bytes: Vec<u8>) -> Result<Self, HeaderError> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(HEADER_LEN) {
            return Err(HeaderError::Length { expected: HEADER_LEN, found: bytes.len() });
        }
        let count = bytes.len().checked_div(HEADER_LEN).unwrap_or(0);
        let last = u32::try_from(count).ok().and_then(|count| start.checked_add(count));
        if count > HEADERS_MAX || last.is_none() {
            return Err(HeaderError::TooMany { limit: HEADERS_MAX, found: count });
        }
        let archive = Self { network, start, bytes };
        archive.check()?;
        Ok(archive)
    }

    /// The network whose rules they keep.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Height of the first block.
    #[must_use]
    pub const fn start(&self) -> u32 {
        self.start
    }

    /// Height of the last block.
    #[must_use]
    pub fn end(&self) -> u32 {
        let count = u32::try_from(self.bytes.len().checked_div(HEADER_LEN).unwrap_or(0)).unwrap_or(0);
        self.start.saturating_add(count).saturating_sub(1)
    }

    /// Height of the one change of the target that these headers cannot show to be right, because they do not go back to the
    /// change before it; none where all are shown.
    #[must_use]
    pub fn unchecked(&self) -> Option<u32> {
        let first = self.start.checked_next_multiple_of(PERIOD)?;
        let is_unchecked = self.network.retargets() && first > self.start && first <= self.end();
        is_unchecked.then_some(first)
    }

    /// The header at a height; none where the archive does not reach it.
    #[must_use]
    pub fn header(&self, height: u32) -> Option<Header> {
        let at = usize::try_from(height.checked_sub(self.start)?).ok()?.checked_mul(HEADER_LEN)?;
        Header::parse(self.bytes.get(at..at.checked_add(HEADER_LEN)?)?).ok()
    }

    /// The work of the blocks above `height`.
    #[must_use]
    pub fn work_above(&self, height: u32) -> Work {
        let skipped = usize::try_from(height.saturating_add(1).saturating_sub(self.start)).unwrap_or(usize::MAX);
        // A target stands for two weeks, and a division costs more than a hash.
        let mut last = (0, Work::default());
        self.headers().skip(skipped).fold(Work::default(), |sum, header| {
            if header.bits != last.0 {
                last = (header.bits, U256::from_compact(header.bits).map_or_else(Work::default, Work::of));
            }
            sum.plus(last.1)
        })
    }

    fn headers(&self) -> impl Iterator<Item = Header> {
        self.bytes.chunks_exact(HEADER_LEN).filter_map(|bytes| Header::parse(bytes).ok())
    }

    fn check(&self) -> Result<(), HeaderError> {
        let easiest = U256::from_compact(self.network.easiest()).unwrap_or(U256::zero());
        let mut before: Option<Header> = None;
        let mut first_of_period = 0;
        let mut times = Times::default();
        let mut last: Option<(u32, U256)> = None;
        // Heights come second: the one behind the last header is not asked for, which may be none.
        for (header, height) in self.headers().zip(self.start..) {
            if before.is_some_and(|before| before.hash != header.before) {
                return Err(HeaderError::Link { height });
            }
            let target = match last {
                Some((bits, target)) if bits == header.bits => Some(target),
                _ => U256::from_compact(header.bits).filter(|target| *target <= easiest),
            };
            let target = target.ok_or(HeaderError::Target { height })?;
            last = Some((header.bits, target));
            if U256::from_le(header.hash.as_bytes()) > target {
                return Err(HeaderError::Work { height });
            }
            if let Some(before) = before {
                let expected = match self.network.retargets() && height.is_multiple_of(PERIOD) {
                    true if self.unchecked() == Some(height) => Some(header.bits),
                    true => retarget(self.network, before.bits, first_of_period, before.time),
                    false => Some(before.bits),
                };
                if expected != Some(header.bits) {
                    return Err(HeaderError::Target { height });
                }
            }
            if times.median().is_some_and(|median| header.time <= median) {
                return Err(HeaderError::Time { height });
            }
            if height.is_multiple_of(PERIOD) {
                first_of_period = header.time;
            }
            times.push(header.time);
            before = Some(header);
        }
        Ok(())
    }

    /// The block that is named so at this height.
    pub(super) fn holds(&self, height: u32, hash: BlockHash) -> Option<bool> {
        self.header(height).map(|header| header.hash == hash)
    }
}

impl fmt::Debug for HeaderArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderArchive({:?} {} to {})", self.network, self.start, self.end())
    }
}

/// Times of the last blocks.
#[derive(Default)]
struct Times {
    last: [u32; MEDIAN_SPAN],
    count: usize,
}

impl Times {
    fn push(&mut self, time: u32) {
        let at = self.count.checked_rem(MEDIAN_SPAN).unwrap_or(0);
        if let Some(slot) = self.last.get_mut(at) {
            *slot = time;
        }
        self.count += 1;
    }

    /// The median of the last eleven, once there are as many.
    fn median(&self) -> Option<u32> {
        let mut sorted = self.last;
        sorted.sort_unstable();
        sorted.get(MEDIAN_SPAN / 2).copied().filter(|_| self.count >= MEDIAN_SPAN)
    }
}
