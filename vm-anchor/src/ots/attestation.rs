//! Attestations: who says that a message existed.

use super::error::OtsError;
use super::timestamp::{Cursor, write_number};

/// Longest payload of an attestation, in bytes (python-opentimestamps, `MAX_PAYLOAD_SIZE`).
pub const ATTESTATION_BYTES_MAX: usize = 8_192;
/// Longest address of a calendar, in bytes (python-opentimestamps, `MAX_URI_LENGTH`).
pub const URI_BYTES_MAX: usize = 1_000;
/// Length of the tag that tells the kinds apart.
const TAG_LEN: usize = 8;

const PENDING: [u8; TAG_LEN] = [0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e];
const BITCOIN: [u8; TAG_LEN] = [0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01];
const LITECOIN: [u8; TAG_LEN] = [0x06, 0x86, 0x9a, 0x0d, 0x73, 0xd7, 0x1b, 0x45];

/// One attestation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Attestation {
    /// A calendar promises one; it is asked at this address.
    Pending(String),
    /// The message is the Merkle root of the Bitcoin block at this height.
    Bitcoin(u64),
    /// The same, of Litecoin.
    Litecoin(u64),
    /// One of a kind that is not known here, kept as it stands.
    Unknown {
        /// What tells its kind.
        tag: [u8; 8],
        /// The rest.
        payload: Vec<u8>,
    },
}

impl Attestation {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, OtsError> {
        let tag: [u8; TAG_LEN] = cursor.take(TAG_LEN)?.try_into().map_err(|_| OtsError::Truncated)?;
        let payload = cursor.sized(ATTESTATION_BYTES_MAX).map_err(|error| match error {
            OtsError::Length { .. } => OtsError::Attestation,
            other => other,
        })?;
        let mut inner = Cursor::new(payload);
        let known = match tag {
            PENDING => {
                let uri = inner.sized(URI_BYTES_MAX).map_err(|_| OtsError::Attestation)?;
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._/:".contains(byte);
                if !uri.iter().all(plain) {
                    return Err(OtsError::Attestation);
                }
                Self::Pending(String::from_utf8(uri.to_vec()).map_err(|_| OtsError::Attestation)?)
            }
            BITCOIN => Self::Bitcoin(inner.number().map_err(|_| OtsError::Attestation)?),
            LITECOIN => Self::Litecoin(inner.number().map_err(|_| OtsError::Attestation)?),
            tag => return Ok(Self::Unknown { tag, payload: payload.to_vec() }),
        };
        if inner.is_finished() { Ok(known) } else { Err(OtsError::Attestation) }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        let tag = match self {
            Self::Pending(uri) => {
                write_number(length(uri.len()), &mut payload);
                payload.extend_from_slice(uri.as_bytes());
                PENDING
            }
            Self::Bitcoin(height) => {
                write_number(*height, &mut payload);
                BITCOIN
            }
            Self::Litecoin(height) => {
                write_number(*height, &mut payload);
                LITECOIN
            }
            Self::Unknown { tag, payload: kept } => {
                payload.extend_from_slice(kept);
                *tag
            }
        };
        out.extend_from_slice(&tag);
        write_number(length(payload.len()), out);
        out.extend_from_slice(&payload);
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
