//! Subjects: whose openings are kept under a key of their own, which can be destroyed. Keys stand in files outside the vault, so
//! that no copy of the vault holds them:
//!
//! ```text
//! <keys>/<ledger>/envelope.key             the vault's key of envelopes
//! <keys>/<ledger>/subjects/<subject>.key   vm-subject-key-v0 <subject> <key id> <envelope>
//! <keys>/<ledger>/subjects/<key>.erased    vm-subject-tombstone-v0 <subject> <key id> <receipt> <leaf> <time>
//! <keys>/<ledger>/subjects/<key>.lost      as a key file; the key of envelopes that opens it was declared lost
//! ```
//!
//! A subject goes by a keyed hash of its name, which may itself be personal and is kept nowhere.

mod envelope;
mod ring;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::str::FromStr;

use serde::Deserialize;
use vm_core::digest::{LeafHash, from_hex, to_hex};
use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::key::{BlindKey, OpeningsKey, OpeningsKeyId};
use vm_core::source::Entropy;
use vm_envelope::{Context, Envelope, PublicKey, seal};
use zeroize::Zeroizing;

use crate::error::{PrivacyFault, VaultError};
use crate::keys::KeyStore;

pub use ring::Ring;
pub use vm_ledger::OpeningsKeys;

/// Format of a subject's key file.
pub const SUBJECT_KEY_FORMAT: &str = "vm-subject-key-v0";
/// Format of what stands in the place of a key that was destroyed.
pub const TOMBSTONE_FORMAT: &str = "vm-subject-tombstone-v0";
/// Longest name of a subject in bytes: the longest path of an e-mail address (RFC 5321, section 4.5.3.1.3).
pub const SUBJECT_NAME_MAX: usize = 256;
/// What the envelope around a subject's key is for.
const PURPOSE: &str = "subject-key";
/// Folder of subjects' keys, below that of the ledger's.
const FOLDER: &str = "subjects";
/// File that is locked while keys are made or destroyed.
const LOCK_FILE: &str = ".lock";
/// Length of the content of a key's envelope, in bytes: format and line feed, subject, key.
const CONTENT_LEN: usize = SUBJECT_KEY_FORMAT.len() + 1 + 16 + 32;

/// Name of a subject: 1 to [`SUBJECT_NAME_MAX`] bytes without control characters, told apart to the letter. It may be personal, so
/// it is not printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubjectName(String);

impl SubjectName {
    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubjectName {
    type Err = PrivacyFault;

    fn from_str(text: &str) -> Result<Self, PrivacyFault> {
        let fits = (1..=SUBJECT_NAME_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(PrivacyFault::SubjectName) }
    }
}

impl std::fmt::Debug for SubjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectName(..)")
    }
}

impl<'de> Deserialize<'de> for SubjectName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a subject goes by: the first 16 bytes of a keyed hash of its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SubjectId([u8; 16]);

impl SubjectId {
    /// The id of a name, under the key by which this ledger blinds its callers' words.
    #[must_use]
    pub fn of(name: &SubjectName, blind: &BlindKey) -> Self {
        let blinded = blind.blind("subject", name.0.as_bytes());
        let mut id = [0; 16];
        id.iter_mut().zip(blinded.as_bytes()).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl std::fmt::Display for SubjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

/// What stands in the place of a key that was destroyed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tombstone {
    /// Whose key it was.
    pub subject: String,
    /// Which key.
    pub key: OpeningsKeyId,
    /// Row of the receipt.
    pub receipt: RowId,
    /// Its leaf hash, so that the receipt can be told from another where the ledger was put back.
    pub leaf: LeafHash,
    /// When the key was destroyed.
    pub at: Instant,
}

impl Tombstone {
    fn format(&self) -> String {
        let Self { subject, key, receipt, leaf, at } = self;
        format!("{TOMBSTONE_FORMAT} {subject} {key} {receipt} {leaf} {at}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        let mut word = || words.next();
        if word()? != TOMBSTONE_FORMAT {
            return None;
        }
        let subject = word()?.to_owned();
        let key = OpeningsKeyId::parse_hex(word()?).ok()?;
        let (receipt, leaf) = (word()?.parse().ok()?, LeafHash::parse_hex(word()?).ok()?);
        let at = Instant::parse_lenient(word()?).ok()?;
        let tombstone = Self { subject, key, receipt, leaf, at };
        (tombstone.format() == text).then_some(tombstone)
    }
}

/// Keys that were opened for recording, each by the text of its file: that text changes with the key.
#[derive(Debug, Default)]
pub(crate) struct Opened(BTreeMap<SubjectId, (String, OpeningsKey)>);

/// The right to change what is in the folder, until it is dropped.
#[derive(Debug)]
pub(crate) struct Locked(#[expect(dead_code, reason = "it is held, not used")] fs::File);

/// The folder of subjects' keys of one ledger.
#[derive(Clone, Debug)]
pub struct SubjectKeys {
    keys: KeyStore,
    folder: KeyStore,
    ledger: LedgerId,
}

impl SubjectKeys {
    /// Those below the key folder `keys` of `ledger`.
    #[must_use]
    pub fn new(keys: &KeyStore, ledger: LedgerId) -> Self {
        Self { keys: keys.clone(), folder: keys.below(FOLDER), ledger }
    }

    /// The id of a subject.
    ///
    /// # Errors
    /// As [`KeyStore::blind`].
    pub fn id(&self, name: &SubjectName) -> Result<SubjectId, VaultError> {
        Ok(SubjectId::of(name, &self.keys.blind()?))
    }

    /// The key that is to be recorded under, made where there is none. Cost: reading a file; the first time one key exchange.
    pub(crate) fn for_recording(
        &self,
        subject: SubjectId,
        entropy: &mut dyn Entropy,
        opened: &mut Opened,
    ) -> Result<OpeningsKey, VaultError> {
        let mut text = self.text(subject)?;
        if let Some(present) = &text
            && let Some(tombstone) = self.tombstone(self.line(subject, present)?.0)?
        {
            // Erased, and here all the same: a crash left it, or it came back from a backup.
            self.destroy(subject, &tombstone)?;
            text = None;
        }
        let text = text.map_or_else(|| self.make(subject, entropy), Ok)?;
        if let Some((known, key)) = opened.0.get(&subject)
            && *known == text
        {
            return Ok(key.clone());
        }
        let key = match self.open(subject, &text) {
            Ok(key) => key,
            // It may have been wrapped anew between the two looks, and the key of envelopes that opened it is gone.
            Err(error) => self.open_present(subject)?.ok_or(error)?,
        };
        opened.0.insert(subject, (text, key.clone()));
        Ok(key)
    }

    /// The key that a subject has now, opened; none where it has none. Cost: one key exchange.
    fn open_present(&self, subject: SubjectId) -> Result<Option<OpeningsKey>, VaultError> {
        let Some(text) = self.text(subject)? else { return Ok(None) };
        let first = self.open(subject, &text);
        if first.is_ok() {
            return first.map(Some);
        }
        match self.text(subject)? {
            None => Ok(None),
            Some(again) if again == text => first.map(Some),
            Some(again) => self.open(subject, &again).map(Some),
        }
    }

    /// Name of the key that a subject has now; none where it has none.
    ///
    /// # Errors
    /// [`PrivacyFault::SubjectKey`], and as [`KeyStore::read`].
    pub fn key_id(&self, subject: SubjectId) -> Result<Option<OpeningsKeyId>, VaultError> {
        let Some(text) = self.text(subject)? else { return Ok(None) };
        Ok(Some(self.line(subject, &text)?.0))
    }

    /// What stands in the place of a key that was destroyed; none where that key was not.
    ///
    /// # Errors
    /// [`PrivacyFault::SubjectKey`], and as [`KeyStore::read`].
    pub fn tombstone(&self, key: OpeningsKeyId) -> Result<Option<Tombstone>, VaultError> {
        let name = tombstone_file(key);
        if !self.folder.has(&name) {
            return Ok(None);
        }
        let bytes = self.folder.read(&name)?;
        let read = std::str::from_utf8(&bytes).ok().and_then(Tombstone::parse).filter(|read| read.key == key);
        let read = read.ok_or_else(|| VaultError::KeyMalformed { path: self.folder.dir().join(name) })?;
        Ok(Some(read))
    }

    /// Tombstones of a subject, by the time of their erasure.
    ///
    /// # Errors
    /// As [`SubjectKeys::tombstone`].
    pub fn tombstones(&self, subject: SubjectId) -> Result<Vec<Tombstone>, VaultError> {
        let mut found = Vec::new();
        for name in self.names(".erased")? {
            let key = OpeningsKeyId::parse_hex(&name).map_err(VaultError::Key)?;
            found.extend(self.tombstone(key)?.filter(|tombstone| tombstone.subject == subject.to_string()));
        }
        found.sort_by_key(|tombstone| tombstone.at);
        Ok(found)
    }

    /// Names of all keys that are here, each with its subject's id.
    ///
    /// # Errors
    /// As [`SubjectKeys::key_id`].
    pub fn all(&self) -> Result<BTreeMap<OpeningsKeyId, SubjectId>, VaultError> {
        let mut found = BTreeMap::new();
        for subject in self.subjects()? {
            found.extend(self.key_id(subject)?.map(|key| (key, subject)));
        }
        Ok(found)
    }

    /// Who has a key.
    fn subjects(&self) -> Result<Vec<SubjectId>, VaultError> {
        let mut found = Vec::new();
        for name in self.names(".key")? {
            let fault = || PrivacyFault::SubjectKey { subject: name.clone() };
            let bytes = from_hex(&name).map_err(|_| fault())?;
            found.push(SubjectId(bytes.try_into().map_err(|_| fault())?));
        }
        Ok(found)
    }

    /// Destroys the key that `tombstone` is of: the tombstone is durable first, then the file is overwritten and removed. Where the
    /// subject has another key by now, that stays. Can be repeated.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`].
    pub fn destroy(&self, subject: SubjectId, tombstone: &Tombstone) -> Result<(), VaultError> {
        let _lock = self.lock()?;
        self.folder.write(&tombstone_file(tombstone.key), tombstone.format().as_bytes())?;
        let name = if self.key_id(subject)? == Some(tombstone.key) {
            key_file(subject)
        } else if self.is_lost(tombstone.key) {
            lost_file(tombstone.key)
        } else {
            return Ok(());
        };
        let fault = |source| VaultError::KeyFile { path: self.folder.dir().join(&name), source };
        // A crash while it was written may have left it under another name as well.
        for name in [format!(".{name}.tmp"), name.clone()] {
            overwrite(&self.folder.dir().join(name)).map_err(fault)?;
        }
        fs::File::open(self.folder.dir()).and_then(|folder| folder.sync_all()).map_err(fault)
    }

    /// The key in a file of a subject.
    fn open(&self, subject: SubjectId, text: &str) -> Result<OpeningsKey, VaultError> {
        let (id, envelope) = self.line(subject, text)?;
        let envelope = Envelope::parse(&envelope).map_err(PrivacyFault::Envelope)?;
        let content = envelope.open(&self.secret_for(&envelope)?, &self.context()?).map_err(PrivacyFault::Open)?;
        let fault = || PrivacyFault::SubjectKey { subject: subject.to_string() };
        let key = content.strip_prefix(&*head(subject)).ok_or_else(fault)?;
        let key = OpeningsKey::from_bytes(key.try_into().map_err(|_| fault())?);
        if key.id() == id { Ok(key) } else { Err(fault().into()) }
    }

    /// Key id and envelope in a file of a subject.
    fn line(&self, subject: SubjectId, text: &str) -> Result<(OpeningsKeyId, Vec<u8>), VaultError> {
        let fault = || VaultError::from(PrivacyFault::SubjectKey { subject: subject.to_string() });
        let mut words = text.strip_suffix('\n').ok_or_else(fault)?.split(' ');
        let (format, of) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if format != SUBJECT_KEY_FORMAT && format.starts_with("vm-subject-key-v") {
            let found = format.chars().take(64).collect();
            return Err(VaultError::FormatUnknown { what: "key file of a subject", found });
        }
        let key = words.next().and_then(|word| OpeningsKeyId::parse_hex(word).ok()).ok_or_else(fault)?;
        let envelope = words.next().and_then(|word| from_hex(word).ok()).ok_or_else(fault)?;
        if format != SUBJECT_KEY_FORMAT || of != subject.to_string() || words.next().is_some() {
            return Err(fault());
        }
        Ok((key, envelope))
    }

    /// Makes a key, unless somebody else did meanwhile; the text of its file.
    fn make(&self, subject: SubjectId, entropy: &mut dyn Entropy) -> Result<String, VaultError> {
        let _lock = self.lock()?;
        if let Some(text) = self.text(subject)? {
            return Ok(text);
        }
        let own = self.own_envelope(entropy)?;
        let key = OpeningsKey::generate(entropy);
        let text = self.wrap(subject, &key, &[own], entropy)?;
        self.folder.write(&key_file(subject), text.as_bytes())?;
        Ok(text)
    }

    /// The text of a file that holds `key` for these keys of envelopes.
    fn wrap(
        &self,
        subject: SubjectId,
        key: &OpeningsKey,
        recipients: &[PublicKey],
        entropy: &mut dyn Entropy,
    ) -> Result<String, VaultError> {
        let mut content = Zeroizing::new(Vec::with_capacity(CONTENT_LEN));
        content.extend_from_slice(&head(subject));
        content.extend_from_slice(key.as_bytes());
        let envelope = seal(&content, &self.context()?, recipients, entropy).map_err(PrivacyFault::Seal)?;
        Ok(format!("{SUBJECT_KEY_FORMAT} {subject} {} {}\n", key.id(), to_hex(&envelope)))
    }

    fn text(&self, subject: SubjectId) -> Result<Option<String>, VaultError> {
        let name = key_file(subject);
        if !self.folder.has(&name) {
            return Ok(None);
        }
        let bytes = match self.folder.read(&name) {
            // Destroyed since it was looked for.
            Err(VaultError::KeyMissing { .. }) => return Ok(None),
            read => read?,
        };
        let text =
            std::str::from_utf8(&bytes).map_err(|_| PrivacyFault::SubjectKey { subject: subject.to_string() })?;
        Ok(Some(text.to_owned()))
    }

    fn context(&self) -> Result<Context, VaultError> {
        Ok(Context::new(self.ledger, PURPOSE).map_err(PrivacyFault::Context)?)
    }

    /// Held while keys are made, wrapped anew or destroyed, so that no two processes make a subject two keys.
    pub(crate) fn lock(&self) -> Result<Locked, VaultError> {
        self.folder.make()?;
        let path = self.folder.dir().join(LOCK_FILE);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let locked = options.open(&path).and_then(|file| file.lock().map(|()| file));
        locked.map(Locked).map_err(|source| VaultError::KeyFile { path, source })
    }

    /// Names of the files with an ending, without it.
    fn names(&self, ending: &str) -> Result<Vec<String>, VaultError> {
        let fault = |source| VaultError::KeyFile { path: self.folder.dir().to_owned(), source };
        let entries = match fs::read_dir(self.folder.dir()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(fault)?.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(ending).filter(|name| !name.starts_with('.')).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

/// What stands before the key in its envelope. Bytes and no JSON, whose parser would leave copies of the key behind.
fn head(subject: SubjectId) -> Vec<u8> {
    [SUBJECT_KEY_FORMAT.as_bytes(), b"\n", &subject.0].concat()
}

fn key_file(subject: SubjectId) -> String {
    format!("{subject}.key")
}

fn lost_file(key: OpeningsKeyId) -> String {
    format!("{key}.lost")
}

fn tombstone_file(key: OpeningsKeyId) -> String {
    format!("{key}.erased")
}

/// Writes zeros over a file and removes it; nothing where it is not there.
fn overwrite(path: &std::path::Path) -> io::Result<()> {
    let mut file = match fs::OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![0; length])?;
    file.sync_all()?;
    fs::remove_file(path)
}

#[cfg(test)]
mod tests;
