//! The data directory: opened once, locked against a second server, closed to other users.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _, Permissions};

use crate::StoreError;

/// Layout of the directory; a newer one is refused.
pub(crate) const LAYOUT: u32 = 1;
const SUBDIRECTORIES: [&str; 7] = ["keys", "artifacts", "cache", "assets", "logs", "projects", "sites"];
/// What stands before the secret part of the first administrator's token.
const ADMIN_TOKEN_HEAD: &str = "ostro_admin000_";

/// The data directory. Cheap to clone; the lock is held until the last clone is dropped.
#[derive(Clone)]
pub struct DataDir(Arc<Inner>);

struct Inner {
    path: PathBuf,
    dir: Dir,
    keys: Dir,
    cache: Dir,
    assets: Dir,
    logs: Dir,
    projects: Dir,
    age: Age,
    /// Released by the kernel when the file is closed, however the process ends.
    _lock: File,
}

/// Whether a server has started here before, all the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// No: what is missing is created.
    New,
    /// Yes: what is missing has been lost, and is not re-created.
    Established,
}

impl DataDir {
    /// Opens the directory at `path`, creating it (mode 0700) when it is missing, and locks it.
    ///
    /// `Unusable` when another server has it open, when a newer version wrote it, or when it is not empty
    /// and not a data directory.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|e| unusable(path, &e))?;
        let path = path.canonicalize().map_err(|e| unusable(path, &e))?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority()).map_err(|e| unusable(&path, &e))?;
        refuse_foreign(&dir, &path)?;
        let lock = lock(&dir, &path)?;
        let age = age(&dir, &path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).map_err(StoreError::io)?;
        for name in SUBDIRECTORIES {
            private_dir(&dir, name).map_err(StoreError::io)?;
        }
        let open = |name: &str| dir.open_dir(name).map_err(StoreError::io);
        let (keys, cache, assets) = (open("keys")?, open("cache")?, open("assets")?);
        let (logs, projects) = (open("logs")?, open("projects")?);
        Ok(Self(Arc::new(Inner { path, dir, keys, cache, assets, logs, projects, age, _lock: lock })))
    }

    /// The directory itself.
    pub fn dir(&self) -> &Dir {
        &self.0.dir
    }

    /// Compiled code; may be emptied while no server runs.
    pub fn cache(&self) -> &Dir {
        &self.0.cache
    }

    /// Asset bundles.
    pub fn assets(&self) -> &Dir {
        &self.0.assets
    }

    /// Segments of guest logs.
    pub fn logs(&self) -> &Dir {
        &self.0.logs
    }

    /// A folder for each project that has data of its own, by its id.
    pub(crate) fn projects(&self) -> &Dir {
        &self.0.projects
    }

    /// Absolute path, for drivers that open files by name and for messages.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The administrator's token, `ostro_admin000_` and 64 hexadecimal digits, from the file `admin.token`;
    /// made (mode 0600) when the file is missing. `Unusable` when the file holds something else.
    pub fn admin_token(&self) -> Result<String, StoreError> {
        let Some(found) = read(self.dir(), "admin.token")? else {
            let secret = crate::keys::random::<32>()?;
            let mut text = ADMIN_TOKEN_HEAD.to_owned();
            for byte in secret {
                write!(text, "{byte:02x}").map_err(StoreError::driver)?;
            }
            write(self.dir(), "admin.token", format!("{text}\n").as_bytes())?;
            return Ok(text);
        };
        match std::str::from_utf8(&found).map(str::trim_ascii) {
            Ok(text) if is_admin_token(text) => Ok(text.to_owned()),
            _ => Err(StoreError::Unusable(format!(
                "{} does not hold an administrator's token; delete the file to have a new one made",
                self.path().join("admin.token").display()
            ))),
        }
    }

    pub(crate) fn keys(&self) -> &Dir {
        &self.0.keys
    }

    pub(crate) fn age(&self) -> Age {
        self.0.age
    }

    /// Records that everything the directory must hold is there and durable.
    pub(crate) fn establish(&self) -> Result<(), StoreError> {
        match self.age() {
            Age::Established => Ok(()),
            Age::New => write(self.dir(), "VERSION", format!("{LAYOUT}\n").as_bytes()),
        }
    }
}

impl std::fmt::Debug for DataDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DataDir").field(&self.0.path).finish()
    }
}

/// The bytes of a small file, or `None` when there is no such file.
pub(crate) fn read(dir: &Dir, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    match dir.read(name) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(error)),
    }
}

/// Writes a small file (mode 0600) whole or not at all, and durably.
pub(crate) fn write(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let draft = format!(".{name}.new");
    let attempt = || {
        let options = private_file().write(true).create(true).truncate(true).clone();
        let mut file = dir.open_with(&draft, &options)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        dir.rename(&draft, dir, name)?;
        sync(dir)
    };
    attempt().map_err(StoreError::io)
}

/// Makes names created in or removed from the directory durable.
pub(crate) fn sync(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

/// Options for files that only their owner may read and write.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn is_admin_token(text: &str) -> bool {
    text.strip_prefix(ADMIN_TOKEN_HEAD).is_some_and(|secret| {
        (43..=64).contains(&secret.len())
            && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// Makes sure of a folder that only its owner may enter.
pub(crate) fn private_dir(dir: &Dir, name: &str) -> io::Result<()> {
    match dir.create_dir_with(name, DirBuilder::new().mode(0o700)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            dir.set_permissions(name, Permissions::from_std(std::fs::Permissions::from_mode(0o700)))
        }
        made => made,
    }
}

/// A mistyped path must not fill somebody's home directory with our files, nor close it to others.
fn refuse_foreign(dir: &Dir, path: &Path) -> Result<(), StoreError> {
    let mut empty = true;
    for entry in dir.entries().map_err(|e| unusable(path, &e))? {
        let name = entry.map_err(|e| unusable(path, &e))?.file_name();
        match name.to_str() {
            Some("VERSION" | "LOCK") => return Ok(()),
            Some("lost+found") => {}
            _ => empty = false,
        }
    }
    match empty {
        true => Ok(()),
        false => Err(StoreError::Unusable(format!(
            "{} holds files but is not an Ostro data directory; \
             choose an empty or a new directory with --data",
            path.display()
        ))),
    }
}

fn lock(dir: &Dir, path: &Path) -> Result<File, StoreError> {
    let options = private_file().read(true).write(true).create(true).clone();
    let mut file = dir.open_with("LOCK", &options).map_err(|e| unusable(path, &e))?.into_std();
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: an unreadable number is left out.
            let _ = file.read_to_string(&mut holder);
            let holder = match holder.trim_ascii() {
                "" => "another Ostro server".to_owned(),
                pid => format!("another Ostro server (process {pid})"),
            };
            return Err(StoreError::Unusable(format!(
                "{holder} has the data directory {} open; stop it first, or choose another with --data",
                path.display()
            )));
        }
        Err(TryLockError::Error(error)) => {
            return Err(StoreError::Unusable(format!(
                "{} cannot be locked ({error}); put the data directory on a local disk",
                path.display()
            )));
        }
    }
    let note = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())
    };
    note(&mut file).map_err(StoreError::io)?;
    Ok(file)
}

fn age(dir: &Dir, path: &Path) -> Result<Age, StoreError> {
    let Some(bytes) = read(dir, "VERSION")? else { return Ok(Age::New) };
    let version = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_ascii().parse::<u32>().ok());
    match version {
        Some(LAYOUT) => Ok(Age::Established),
        Some(newer) => Err(StoreError::Unusable(format!(
            "the data directory {} has layout {newer}, this server knows layout {LAYOUT}; \
             start the newer Ostro that wrote it, or restore a backup made by this one",
            path.display()
        ))),
        None => Err(StoreError::Unusable(format!(
            "{} is damaged; restore the data directory from a backup",
            path.join("VERSION").display()
        ))),
    }
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::Unusable(format!("no space left for the data directory {}", path.display()))
        }
        _ => StoreError::Unusable(format!(
            "the data directory {} cannot be opened: {error}; choose a directory of your own with --data",
            path.display()
        )),
    }
}
