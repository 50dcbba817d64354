//! Checkpoints: signed lines that say how far the chain had come and with which hash. Kept outside the database, they show what a
//! change of the whole database would hide. A line can be checked with nothing but the public key:
//!
//! `care-portal-checkpoint-1 SEQ TIME HASH KEY PREVIOUS SIGNATURE`
//!
//! The Ed25519 signature is over everything before it, without the space. PREVIOUS is the beginning of the signature of the line
//! before, so that no line can be taken out of the middle.

use std::{
    fs,
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::chain::{Hash, from_hex, hex};
use crate::{keys::Keys, types::Timestamp};

const MARK: &str = "care-portal-checkpoint-1";
/// What the first line of a file has in place of the signature before.
const NONE_BEFORE: &str = "-";
/// How much of the signature before is repeated: 96 bits.
const REPEATED: usize = 16;

/// How far the chain had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The newest seal's number.
    pub seq: i64,
    /// When this was written, RFC 3339.
    pub time: String,
    /// The newest seal's hash.
    pub hash: Hash,
    /// Which key signed.
    pub key: String,
    /// The beginning of the signature of the line before.
    pub previous: String,
    /// The signature's text.
    pub signature: String,
    signed: String,
}

/// Who checks signatures: one or more public keys.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys(Vec<VerifyingKey>);

impl PublicKeys {
    /// The key that belongs to this portal's root key.
    pub fn of(keys: &Keys) -> Self {
        Self(vec![signing_key(keys).verifying_key()])
    }

    /// Adds a key from its 64 hexadecimal digits; says whether it was one.
    #[must_use]
    pub fn add(&mut self, text: &str) -> bool {
        let key = from_hex::<32>(text.trim()).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        self.0.extend(key);
        key.is_some()
    }

    /// As [`PublicKeys::add`] takes them.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(|key| hex(key.as_bytes())).collect()
    }

    fn find(&self, id: &str) -> Option<&VerifyingKey> {
        self.0.iter().find(|key| key_id(key) == id)
    }
}

/// The short name of a key in its lines.
pub fn key_id(key: &VerifyingKey) -> String {
    hex(Sha256::digest(key.as_bytes()).get(..4).unwrap_or_default())
}

fn signing_key(keys: &Keys) -> SigningKey {
    SigningKey::from_bytes(keys.checkpoint_key().expose())
}

/// Why a line is no checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It does not read as one.
    #[error("this is no whole checkpoint")]
    Unreadable,
    /// It names a key that was not given.
    #[error("it was signed with another key ({0}); name that one's public key as well")]
    UnknownKey(String),
    /// The signature does not fit.
    #[error("its signature does not fit: the line was changed or made up")]
    BadSignature,
}

impl Checkpoint {
    /// Makes and signs one.
    pub fn sign(keys: &Keys, seq: i64, hash: &Hash, at: Timestamp, previous: Option<&str>) -> Self {
        let key = signing_key(keys);
        let id = key_id(&key.verifying_key());
        let previous = previous.map_or(NONE_BEFORE, |text| text.get(..REPEATED).unwrap_or(NONE_BEFORE)).to_owned();
        let time = at.to_rfc3339();
        let signed = format!("{MARK} {seq} {time} {} {id} {previous}", hex(hash));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
        Self { seq, time, hash: *hash, key: id, previous, signature, signed }
    }

    /// The line, without its end.
    pub fn line(&self) -> String {
        format!("{} {}", self.signed, self.signature)
    }

    /// Finds a checkpoint anywhere in a line, as a process log may have it, and checks its signature. None where there is none.
    pub fn find(line: &str, keys: &PublicKeys) -> Option<Result<Self, BadLine>> {
        let from = line.find(MARK)?;
        Some(Self::parse(line.get(from..)?, keys))
    }

    fn parse(text: &str, keys: &PublicKeys) -> Result<Self, BadLine> {
        let mut words = text.splitn(8, [' ', '"', '\n', '\\']);
        let mut next = || words.next().ok_or(BadLine::Unreadable);
        let (mark, seq, time, hash, key, previous, signature) =
            (next()?, next()?, next()?, next()?, next()?, next()?, next()?);
        let signed = [mark, seq, time, hash, key, previous].join(" ");
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| BadLine::Unreadable)?;
        let bytes: [u8; 64] = bytes.try_into().map_err(|_| BadLine::Unreadable)?;
        let found = Self {
            seq: seq.parse().map_err(|_| BadLine::Unreadable)?,
            time: time.to_owned(),
            hash: from_hex(hash).ok_or(BadLine::Unreadable)?,
            key: key.to_owned(),
            previous: previous.to_owned(),
            signature: signature.to_owned(),
            signed,
        };
        let public = keys.find(key).ok_or_else(|| BadLine::UnknownKey(key.to_owned()))?;
        public
            .verify_strict(found.signed.as_bytes(), &Signature::from_bytes(&bytes))
            .map_err(|_| BadLine::BadSignature)?;
        Ok(found)
    }

    /// Whether this one was written right after `before` into the same file.
    pub fn follows(&self, before: &Self) -> bool {
        self.previous == before.signature.get(..REPEATED).unwrap_or(NONE_BEFORE)
    }

    /// Whether this is the first line that was ever written to its file.
    pub fn is_first(&self) -> bool {
        self.previous == NONE_BEFORE
    }
}

/// Appends a line and waits until it is on the disk.
///
/// # Errors
/// When the file cannot be written.
pub fn append(path: &Path, checkpoint: &Checkpoint) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut text = format!("{}\n", checkpoint.line());
    // What a power cut left behind stays, on a line of its own.
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != [b'\n'] {
            text.insert(0, '\n');
        }
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The newest whole checkpoint at the end of the file, if there is one.
///
/// # Errors
/// When the file is there but cannot be read.
pub fn newest(path: &Path, keys: &PublicKeys) -> std::io::Result<Option<Checkpoint>> {
    const ENOUGH: u64 = 4096;
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(ENOUGH)))?;
    let mut end = Vec::new();
    file.take(ENOUGH).read_to_end(&mut end)?;
    let end = String::from_utf8_lossy(&end);
    Ok(end.lines().rev().find_map(|line| Checkpoint::find(line, keys)?.ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::derive(&[7; 32])
    }

    fn one(seq: i64, previous: Option<&str>) -> Checkpoint {
        Checkpoint::sign(&keys(), seq, &[9; 32], Timestamp(1_790_000_000_000), previous)
    }

    #[test]
    fn a_line_comes_back_also_out_of_a_process_log() {
        let checkpoint = one(12, None);
        let line = checkpoint.line();
        let public = PublicKeys::of(&keys());
        for text in
            [line.clone(), format!("INFO a log: {line}"), format!("{{\"message\":\"{line}\",\"level\":\"INFO\"}}")]
        {
            assert_eq!(Checkpoint::find(&text, &public), Some(Ok(checkpoint.clone())), "{text}");
        }
        assert_eq!(Checkpoint::find("something else", &public), None);
    }

    #[test]
    fn every_changed_letter_is_seen() {
        let line = one(12, None).line();
        let public = PublicKeys::of(&keys());
        for at in MARK.len()..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Checkpoint::find(&changed, &public).is_some_and(|found| found.is_err()), "{changed}");
        }
    }

    #[test]
    fn another_key_is_named() {
        let mut other = PublicKeys::of(&Keys::derive(&[8; 32]));
        let line = one(1, None).line();
        assert!(matches!(Checkpoint::find(&line, &other), Some(Err(BadLine::UnknownKey(_)))));
        assert!(!other.add("nonsense"));
        assert!(other.add(&PublicKeys::of(&keys()).texts()[0]));
        assert!(Checkpoint::find(&line, &other).is_some_and(|found| found.is_ok()));
    }

    #[test]
    fn the_file_grows_by_lines_also_after_a_torn_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below").join("checkpoints");
        let public = PublicKeys::of(&keys());
        assert_eq!(newest(&path, &public).unwrap(), None);
        let first = one(1, None);
        append(&path, &first).unwrap();
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"care-portal-checkpoint-1 2 20").unwrap();
        assert_eq!(newest(&path, &public).unwrap(), Some(first.clone()));
        let third = one(3, Some(&first.signature));
        append(&path, &third).unwrap();
        assert!(third.follows(&first) && !third.is_first() && first.is_first());
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
        assert_eq!(newest(&path, &public).unwrap(), Some(third));
    }
}
