//! Keys of this server: sealing secrets at rest, authenticating compiled code.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::StoreError;
use crate::catalog::ProjectId;
use crate::data_dir::{self, Age, DataDir};

/// First byte of everything sealed.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
/// Shortest text that is taken for a master key, in characters.
const MIN_TEXT_CHARS: usize = 32;
/// Sealed under the master key when a data directory is made; opens only with the same key.
const CHECK: &[u8] = b"ostro master key check";

/// Where the master key comes from. Never printed.
pub enum KeySource {
    /// The key itself: any text of at least 32 characters, such as 64 random hexadecimal digits.
    Text(String),
    /// A file outside the data directory that holds such a text; made (mode 0600) with a random key when
    /// the data directory is new.
    File(PathBuf),
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// The keys. Cheap to clone; never printed.
#[derive(Clone)]
pub struct Keys {
    cipher: XChaCha20Poly1305,
    cache: [u8; 32],
    urls: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    pub(crate) fn load(data: &DataDir, source: KeySource) -> Result<Self, StoreError> {
        let text = match source {
            KeySource::Text(text) => text,
            KeySource::File(path) => key_file(data, &path)?,
        };
        let cipher = cipher(&text)?;
        let urls =
            Sha256::new_with_prefix("ostro urls, version 1\0").chain_update(text.trim_ascii()).finalize();
        let keys = Self { cipher, cache: cache_key(data)?, urls: urls.into() };
        keys.check(data)?;
        Ok(keys)
    }

    /// Key under which compiled code in the cache is authenticated. Random, and the server's own.
    pub fn cache_mac_key(&self) -> &[u8; 32] {
        &self.cache
    }

    /// Key under which a project's signed URLs and cursors are authenticated. It comes from the master key, so it outlives
    /// restarts and moves with a backup.
    pub fn url_mac_key(&self, project: ProjectId) -> Result<[u8; 32], StoreError> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.urls).map_err(StoreError::driver)?;
        mac.update(project.0.as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }

    /// Seals a secret. The result opens only as this name of this project.
    pub fn seal(&self, project: ProjectId, name: &str, plaintext: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce = random::<NONCE_BYTES>()?;
        let aad = aad(project, name);
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: plaintext, aad: &aad })
            .map_err(|_| StoreError::driver("the secret is too long to be sealed"))?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Keys::seal`] made. `Damaged` for anything else, and for another name or project.
    pub fn open(&self, project: ProjectId, name: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let damaged = || StoreError::Damaged(format!("the secret {name} cannot be opened; set it again"));
        let (version, rest) = sealed.split_first().ok_or_else(damaged)?;
        if *version != VERSION {
            return Err(damaged());
        }
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let aad = aad(project, name);
        self.cipher
            .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad })
            .map_err(|_| damaged())
    }

    fn check(&self, data: &DataDir) -> Result<(), StoreError> {
        let nobody = ProjectId(Uuid::nil());
        match (data_dir::read(data.keys(), "master.check")?, data.age()) {
            (Some(sealed), _) => match self.open(nobody, "", &sealed) {
                Ok(text) if text == CHECK => Ok(()),
                _ => Err(StoreError::Unusable(format!(
                    "this is not the master key that {} was made with; give the right one in \
                     OSTRO_MASTER_KEY or in the key file, without it the secrets cannot be read",
                    data.path().display()
                ))),
            },
            (None, Age::New) => data_dir::write(data.keys(), "master.check", &self.seal(nobody, "", CHECK)?),
            (None, Age::Established) => Err(StoreError::Unusable(format!(
                "{} is missing; restore the data directory from a backup",
                data.path().join("keys/master.check").display()
            ))),
        }
    }
}

/// Bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::driver(error.to_string()))?;
    Ok(bytes)
}

/// The length of the name's owner is fixed, so no two pairs have the same bytes.
fn aad(project: ProjectId, name: &str) -> Vec<u8> {
    [&[VERSION], project.0.as_bytes().as_slice(), name.as_bytes()].concat()
}

fn cipher(text: &str) -> Result<XChaCha20Poly1305, StoreError> {
    let text = text.trim_ascii();
    if text.chars().count() < MIN_TEXT_CHARS {
        return Err(StoreError::Unusable(format!(
            "the master key is shorter than {MIN_TEXT_CHARS} characters; make one with: openssl rand -hex 32"
        )));
    }
    let key = Sha256::new_with_prefix("ostro secrets, version 1\0").chain_update(text).finalize();
    Ok(XChaCha20Poly1305::new(&key))
}

fn cache_key(data: &DataDir) -> Result<[u8; 32], StoreError> {
    let found = data_dir::read(data.keys(), "cache.key")?;
    if let Some(key) = found.and_then(|bytes| bytes.try_into().ok()) {
        return Ok(key);
    }
    // Missing or damaged costs only a compilation: every cached file fails its check and is made anew.
    let key = random::<32>()?;
    data_dir::write(data.keys(), "cache.key", &key)?;
    Ok(key)
}

fn key_file(data: &DataDir, path: &Path) -> Result<String, StoreError> {
    let failed = |error: io::Error| {
        StoreError::Unusable(format!("the key file {} cannot be used: {error}", path.display()))
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match data.age() {
            Age::New => make_key_file(data, path).map_err(failed)?,
            Age::Established => {
                return Err(StoreError::Unusable(format!(
                    "the key file {} is missing; restore it, or give the key in OSTRO_MASTER_KEY: \
                     without it the secrets in {} cannot be read",
                    path.display(),
                    data.path().display()
                )));
            }
        },
        Err(error) => return Err(failed(error)),
    };
    if path.canonicalize().map_err(failed)?.starts_with(data.path()) {
        return Err(StoreError::Unusable(format!(
            "the key file {} lies inside the data directory, so a copy of one is a copy of both; \
             move it elsewhere",
            path.display()
        )));
    }
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other users may read the key file; chmod 600 closes it");
    }
    Ok(text)
}

fn make_key_file(data: &DataDir, path: &Path) -> io::Result<String> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if folder.canonicalize()?.starts_with(data.path()) {
        return Err(io::Error::other("it would lie inside the data directory"));
    }
    let [a, b] = [random::<16>(), random::<16>()].map(|r| r.map(u128::from_ne_bytes));
    let text = format!("{:032x}{:032x}\n", a.map_err(io::Error::other)?, b.map_err(io::Error::other)?);
    // A draft and a rename: a crash leaves no half key behind.
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(text)
}
