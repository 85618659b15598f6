//! Keys as text, one line a file.
//!
//! ```text
//! vm-envelope-key-v0 x25519-mlkem768 public <1,216 bytes>
//! vm-envelope-key-v0 x25519-mlkem768 secret <96 bytes>
//! vm-envelope-key-v0 x25519-mlkem768 argon2id <KiB> <passes> <lanes> <salt, 16 bytes> <112 bytes>
//! ```
//!
//! Bytes are lower-case hexadecimal digits.

use vm_core::digest::{from_hex, to_hex};
use zeroize::Zeroizing;

use crate::error::KeyFileError;
use crate::key::{PublicKey, SecretKey};
use crate::passphrase::{Cost, LockedKey};
use crate::suite::Suite;

/// Format string of key files.
pub const KEY_FILE_FORMAT: &str = "vm-envelope-key-v0";
/// Longest key file in bytes: twice the longest there is, a Kyber key of 2,432 bytes in hexadecimal digits.
pub const KEY_FILE_MAX: usize = 10_000;
/// What the format begins with in every version.
const FAMILY: &str = "vm-envelope-key-v";
/// Kinds of keys.
const PUBLIC: &str = "public";
const SECRET: &str = "secret";
const LOCKED: &str = "argon2id";

/// What a key file holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyFile {
    /// To seal to.
    Public(PublicKey),
    /// To open with.
    Secret(SecretKey),
    /// To open with, after a passphrase.
    Locked(LockedKey),
}

impl KeyFile {
    /// Reads a key file. There is one way to write each: words with one space between, numbers without leading zeros, lower-case
    /// digits, one line feed at the end.
    ///
    /// # Errors
    /// [`KeyFileError`]. Nothing of the text is repeated in it, since it may be a secret. No passphrase is stretched here.
    pub fn parse(text: &[u8]) -> Result<Self, KeyFileError> {
        if text.len() > KEY_FILE_MAX {
            return Err(KeyFileError::TooLong { limit: KEY_FILE_MAX, found: text.len() });
        }
        let text = str::from_utf8(text).map_err(|_| KeyFileError::NotKeyFile)?;
        let mut words = text.strip_suffix('\n').unwrap_or(text).split(' ');
        match words.next() {
            Some(KEY_FILE_FORMAT) => {}
            Some(word) if word.starts_with(FAMILY) => return Err(KeyFileError::UnknownVersion),
            _ => return Err(KeyFileError::NotKeyFile),
        }
        let suite = Suite::parse(words.next().ok_or(KeyFileError::Malformed)?).map_err(KeyFileError::Suite)?;
        let words: Vec<&str> = words.collect();
        let key = match *words.as_slice() {
            [PUBLIC, key] => Self::Public(PublicKey::from_bytes(suite, &bytes(key)?).map_err(KeyFileError::Key)?),
            [SECRET, key] => Self::Secret(SecretKey::from_bytes(suite, &bytes(key)?).map_err(KeyFileError::Key)?),
            [LOCKED, memory, passes, lanes, salt, encrypted] => {
                let cost = Cost::new(number(memory)?, number(passes)?, number(lanes)?).map_err(KeyFileError::Cost)?;
                let salt = bytes(salt)?.as_slice().try_into().map_err(|_| KeyFileError::Malformed)?;
                Self::Locked(LockedKey::from_parts(suite, cost, salt, bytes(encrypted)?.to_vec())?)
            }
            _ => return Err(KeyFileError::Malformed),
        };
        if key.format().as_str() == text { Ok(key) } else { Err(KeyFileError::Malformed) }
    }

    /// The text of the file, which is wiped when dropped.
    #[must_use]
    pub fn format(&self) -> Zeroizing<String> {
        let line = |suite: Suite, kind: &str, key: &[u8]| {
            let digits = Zeroizing::new(to_hex(key));
            format!("{KEY_FILE_FORMAT} {suite} {kind} {}\n", digits.as_str())
        };
        Zeroizing::new(match self {
            Self::Public(key) => line(key.suite(), PUBLIC, key.as_bytes()),
            Self::Secret(key) => line(key.suite(), SECRET, key.as_bytes()),
            Self::Locked(key) => {
                format!("{} {} {}\n", locked_head(key), to_hex(key.salt()), to_hex(key.encrypted()))
            }
        })
    }
}

/// The words of a locked key before its salt.
pub(crate) fn locked_head(key: &LockedKey) -> String {
    let (suite, cost) = (key.suite(), key.cost());
    format!("{KEY_FILE_FORMAT} {suite} {LOCKED} {} {} {}", cost.memory_kib(), cost.passes(), cost.lanes())
}

fn bytes(digits: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    from_hex(digits).map(Zeroizing::new).map_err(|_| KeyFileError::Malformed)
}

/// A number; that it is written in the one way is seen when the whole text is compared.
fn number(digits: &str) -> Result<u32, KeyFileError> {
    digits.parse().map_err(|_| KeyFileError::Malformed)
}
