//! Responses: `TimeStampResp` (RFC 3161, section 2.4.2).

use der::asn1::AnyRef;
use der::{Decode, Encode, Tag, Tagged};

use super::asn1::magnitude;
use super::ber;
use super::token::TOKEN_BYTES_MAX;
use super::tsp::TimeStampResp;
use crate::error::ResponseError;

/// Longest response read, in bytes: the longest token and room for its status.
pub const RESPONSE_BYTES_MAX: usize = TOKEN_BYTES_MAX + 4_096;
/// Most status texts kept. One is usual.
const STATUS_TEXTS_MAX: usize = 16;

/// The answer's status (RFC 3161, section 2.4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum PkiStatus {
    /// A token is present as requested.
    Granted,
    /// A token is present, with modifications.
    GrantedWithMods,
    /// Refused.
    Rejection,
    /// Not yet processed.
    Waiting,
    /// A revocation is imminent.
    RevocationWarning,
    /// A revocation has occurred.
    RevocationNotification,
    /// A number that the standard does not define.
    Other,
}

impl PkiStatus {
    /// Whether the standard lets a token stand beside this status.
    #[must_use]
    pub const fn is_granted(self) -> bool {
        matches!(self, Self::Granted | Self::GrantedWithMods)
    }

    /// The status as a stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::GrantedWithMods => "granted-with-mods",
            Self::Rejection => "rejection",
            Self::Waiting => "waiting",
            Self::RevocationWarning => "revocation-warning",
            Self::RevocationNotification => "revocation-notification",
            Self::Other => "other",
        }
    }

    fn from_integer(content: &[u8]) -> Self {
        match magnitude(content) {
            Some([]) => Self::Granted,
            Some([1]) => Self::GrantedWithMods,
            Some([2]) => Self::Rejection,
            Some([3]) => Self::Waiting,
            Some([4]) => Self::RevocationWarning,
            Some([5]) => Self::RevocationNotification,
            _ => Self::Other,
        }
    }
}

/// A response: a status and, where it is granted, a token. Nothing of it is signed but the token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    status: PkiStatus,
    texts: Vec<String>,
    token: Option<Vec<u8>>,
    is_reencoded: bool,
}

impl Response {
    /// Reads a `TimeStampResp`. The token in it is not looked into. BER is read as the DER it stands for, token and
    /// all, see [`Self::is_reencoded`].
    ///
    /// # Errors
    /// [`ResponseError::TooLong`], or [`ResponseError::Malformed`] also on trailing bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ResponseError> {
        if bytes.len() > RESPONSE_BYTES_MAX {
            return Err(ResponseError::TooLong { limit: RESPONSE_BYTES_MAX, found: bytes.len() });
        }
        let source = match Self::read(bytes) {
            Ok(response) => return Ok(response),
            Err(source) => source,
        };
        let read = ber::to_der(bytes).map(|der| Self::read(&der));
        let mut response = read.unwrap_or(Err(source)).map_err(|source| ResponseError::Malformed { source })?;
        response.is_reencoded = true;
        Ok(response)
    }

    fn read(bytes: &[u8]) -> der::Result<Self> {
        let response = TimeStampResp::from_der(bytes)?;
        if let Some(token) = response.token {
            token.tag().assert_eq(Tag::Sequence)?;
        }
        Ok(Self {
            status: PkiStatus::from_integer(response.info.status.as_bytes()),
            texts: read_texts(&response.info.texts.unwrap_or_default())?,
            // Headers are minimal, so the encoding is the bytes that came.
            token: response.token.map(|token| token.to_der()).transpose()?,
            is_reencoded: false,
        })
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> PkiStatus {
        self.status
    }

    /// What the authority says about it, for a person to read. Control characters are replaced.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether the response came as BER; its token is then DER, made of what came.
    #[must_use]
    pub const fn is_reencoded(&self) -> bool {
        self.is_reencoded
    }

    /// The bytes of the token, a DER `ContentInfo`, to be stored and verified.
    #[must_use]
    pub fn token(&self) -> Option<&[u8]> {
        self.token.as_deref()
    }
}

fn read_texts(list: &[AnyRef<'_>]) -> der::Result<Vec<String>> {
    for text in list {
        text.tag().assert_eq(Tag::Utf8String)?;
    }
    let kept = list.iter().take(STATUS_TEXTS_MAX).map(|text| String::from_utf8_lossy(text.value()));
    // A terminal must not obey what a foreign server writes.
    Ok(kept.map(|text| text.replace(char::is_control, "\u{fffd}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart() {
        for (number, status) in [(0, PkiStatus::Granted), (2, PkiStatus::Rejection), (9, PkiStatus::Other)] {
            let bytes = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, number];
            let response = Response::parse(&bytes).unwrap();
            assert_eq!((response.status(), response.token()), (status, None));
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        for bytes in [&[0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0, 0][..], &[0x30, 0x80, 0, 0], &[0x30, 0x80], &[]] {
            assert!(Response::parse(bytes).is_err());
        }
    }

    #[test]
    fn status_texts_cannot_drive_a_terminal() {
        let bytes = [0x30, 0x0b, 0x30, 0x09, 0x02, 0x01, 2, 0x30, 0x04, 0x0c, 0x02, 0x1b, b'['];
        assert_eq!(Response::parse(&bytes).unwrap().texts(), ["\u{fffd}["]);
    }
}
