//! One 32-byte root key outside the database, and a sub-key for each purpose (HKDF-SHA256, RFC 5869). Whoever steals the
//! database alone can neither make a link nor test a password.

pub mod link;

use std::{fs, io::Write, path::Path};

use anyhow::{Context, bail, ensure};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::types::{Rng, Secret};

/// The sub-keys, derived at start.
#[derive(Clone, Debug)]
pub struct Keys {
    link: Secret<[u8; 32]>,
    pepper: Secret<[u8; 32]>,
    checkpoint: Secret<[u8; 32]>,
    authenticator: Secret<[u8; 32]>,
    recovery: Secret<[u8; 32]>,
    export: Secret<[u8; 32]>,
}

impl Keys {
    /// Derives the sub-keys.
    pub fn derive(root: &[u8; 32]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, root);
        let sub = |purpose: &[u8]| {
            let mut key = [0; 32];
            // Fails only for more than 8160 bytes.
            let _ = hkdf.expand(purpose, &mut key);
            Secret::new(key)
        };
        Self {
            link: sub(b"care-portal link v1"),
            pepper: sub(b"care-portal password v1"),
            checkpoint: sub(b"care-portal checkpoint v1"),
            authenticator: sub(b"care-portal authenticator v1"),
            recovery: sub(b"care-portal recovery code v1"),
            export: sub(b"care-portal export v1"),
        }
    }

    /// The secret half of the key pair that signs checkpoints of the access log.
    pub const fn checkpoint_key(&self) -> &Secret<[u8; 32]> {
        &self.checkpoint
    }

    /// The authentication code of a link: 256 bits over its purpose, id and generation.
    pub fn link_code(&self, purpose: &str, id: uuid::Uuid, generation: i64) -> [u8; 32] {
        hmac(self.link.expose(), &[purpose.as_bytes(), &[0], id.as_bytes(), &generation.to_be_bytes()])
    }

    /// The 160-bit secret that an account's authenticator app shares with the portal, derived so that no database holds it.
    pub fn authenticator_secret(&self, account: uuid::Uuid, seed: &[u8]) -> [u8; 20] {
        first(hmac(self.authenticator.expose(), &[account.as_bytes(), seed]))
    }

    /// The `n`th recovery code of an account's set: 80 bits.
    pub fn recovery_code(&self, account: uuid::Uuid, seed: &[u8], n: u8) -> [u8; 10] {
        first(hmac(self.recovery.expose(), &[account.as_bytes(), &[n], seed]))
    }

    /// The key that seals one export, and nothing else.
    pub fn export_key(&self, export: uuid::Uuid) -> [u8; 32] {
        hmac(self.export.expose(), &[export.as_bytes()])
    }

    /// What is hashed in place of a password (NIST SP 800-63B-4 3.1.1.2: a keyed hash, its key stored apart).
    pub fn pepper(&self, password: &str) -> [u8; 32] {
        hmac(self.pepper.expose(), &[password.as_bytes()])
    }
}

/// The first bytes of a code: a keyed hash stays one when it is cut (RFC 2104, section 5).
fn first<const N: usize>(code: [u8; 32]) -> [u8; N] {
    let mut cut = [0; N];
    for (to, from) in cut.iter_mut().zip(code) {
        *to = from;
    }
    cut
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Reads the root key from `path`; makes it, readable by its owner alone, when there is none.
///
/// # Errors
/// When the file cannot be read or written, holds something else, or others may read it.
pub fn load_or_make_root_key(path: &Path, rng: &Rng) -> anyhow::Result<Secret<[u8; 32]>> {
    if !path.exists() {
        make_root_key(path, rng).with_context(|| format!("writing the root key {}", path.display()))?;
    }
    refuse_readable_by_others(path)?;
    let text = fs::read_to_string(path).with_context(|| format!("reading the root key {}", path.display()))?;
    let text = text.trim();
    ensure!(text.len() == 64, "{} does not hold a root key (64 hexadecimal digits)", path.display());
    let mut key = [0; 32];
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        *byte =
            u8::from_str_radix(digits, 16).with_context(|| format!("{} does not hold a root key", path.display()))?;
    }
    Ok(Secret::new(key))
}

fn make_root_key(path: &Path, rng: &Rng) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let hex: String = rng.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{hex}")?;
    file.sync_all()?;
    Ok(())
}

fn refuse_readable_by_others(path: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!("{} can be read by other users of this machine; run: chmod 600 {}", path.display(), path.display());
        }
    }
    Ok(())
}
