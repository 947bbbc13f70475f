//! The functions that projects have had compiled, on disk: one sealed file for each project and lane.
//!
//! A compiler child that has read a project's upload may have been taken over by it, so what it hands back is used for
//! that project and no other. On any doubt, a file is removed whole; nothing here is a reason for a deploy to fail.

use std::io::{self, Read, Write};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use serde::{Deserialize, Serialize};
use store::catalog::ProjectId;
use uuid::Uuid;

use super::cache::{open_regular, remove_entry};
use super::seal::{Distrust, MAX_SEAL_BYTES, Sealer};
use crate::instance::Lane;
use crate::registry::compile::{Known, MAX_FUNCTIONS_BYTES, merge};

/// The folder, in that of the compiled code.
pub(super) const FOLDER: &str = "functions";
/// Version of this format; part of what is authenticated. Its name in the seal is one that a seal of a component's
/// code has not, so that neither can stand for the other.
const FORMAT: u32 = 1;
/// All files together, bytes. Beyond it, those that were not used for longest go.
const MAX_TOTAL_BYTES: u64 = 1 << 30;
const LANES: [Lane; 2] = [Lane::Plain, Lane::Concurrent];

/// The files. Without a folder, which is said once, every function is compiled each time.
pub(super) struct Shelves {
    dir: Option<Dir>,
    sealer: Sealer,
    max_total_bytes: u64,
}

/// The head of a file: its length (little-endian u32), then this as JSON, then the functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    functions_format: u32,
    /// The engines: full version, target, configuration of both lanes.
    engine: String,
    /// Owner.
    project: ProjectId,
    lane: String,
    /// Size of the functions, bytes.
    size: u64,
    /// HMAC-SHA256 over all of the above and the functions, in hexadecimal digits.
    mac: String,
}

impl Shelves {
    /// In a folder of `cache`, which is made when it is missing.
    pub(super) fn new(cache: &Dir, sealer: Sealer) -> Self {
        let dir = open_folder(cache);
        if let Err(error) = &dir {
            tracing::warn!(%error, "compiled functions can't be kept: each deploy compiles everything again");
        }
        Self { dir: dir.ok(), sealer, max_total_bytes: MAX_TOTAL_BYTES }
    }

    /// What that project has had compiled. Blocks.
    pub(super) fn known(&self, project: ProjectId) -> Known {
        Known {
            plain: self.read(project, Lane::Plain).unwrap_or_default(),
            concurrent: self.read(project, Lane::Concurrent).unwrap_or_default(),
        }
    }

    /// Keeps functions that the project has had compiled just now; the oldest make room. Blocks.
    pub(super) fn add(&self, project: ProjectId, lane: Lane, functions: &[u8]) {
        let Some(dir) = self.dir.as_ref().filter(|_| !functions.is_empty()) else { return };
        let known = self.read(project, lane).unwrap_or_default();
        let Some(merged) = merge(functions, &known) else {
            tracing::warn!(project = %project.0, "a compiler handed back what are no functions");
            return;
        };
        if let Err(error) = self.write(dir, project, lane, &merged).and_then(|()| self.make_room(dir)) {
            tracing::warn!(project = %project.0, %error, "compiled functions could not be kept");
        }
    }

    /// Removes all that is kept of a project, and says whether there was something. Blocks.
    pub(super) fn remove(&self, project: ProjectId) -> bool {
        let Some(dir) = &self.dir else { return false };
        let mut is_removed = false;
        for lane in LANES {
            let name = file_name(project, lane);
            is_removed |= dir.symlink_metadata(&name).is_ok();
            if let Err(error) = remove_entry(dir, name) {
                tracing::warn!(project = %project.0, %error, "compiled functions of a project that was deleted stay until the next start");
            }
        }
        is_removed
    }

    /// Removes what is unfinished, foreign, or of a project that is not `wanted`. Blocks.
    pub(super) fn sweep(&self, wanted: &dyn Fn(ProjectId) -> bool) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        for entry in dir.entries()? {
            let file = entry?.file_name();
            let owner = file.to_str().and_then(owner);
            if !owner.is_some_and(wanted) {
                remove_entry(dir, &file)?;
            }
        }
        self.make_room(dir)
    }

    fn read(&self, project: ProjectId, lane: Lane) -> Option<Vec<u8>> {
        let dir = self.dir.as_ref()?;
        let name = file_name(project, lane);
        if dir.symlink_metadata(&name).is_err() {
            return None;
        }
        match self.verified(dir, &name, project, lane) {
            Ok(functions) => Some(functions),
            Err(distrust) => {
                tracing::warn!(project = %project.0, reason = %distrust, "compiled functions are not trusted and made again");
                let _ = remove_entry(dir, &name);
                None
            }
        }
    }

    fn verified(&self, dir: &Dir, name: &str, project: ProjectId, lane: Lane) -> Result<Vec<u8>, Distrust> {
        let mut file = open_regular(dir, name).map_err(Distrust::Unreadable)?;
        let mut length = [0; 4];
        file.read_exact(&mut length).map_err(Distrust::Unreadable)?;
        let length = u64::from(u32::from_le_bytes(length)).min(MAX_SEAL_BYTES);
        let mut text = Vec::new();
        (&file).take(length).read_to_end(&mut text).map_err(Distrust::Unreadable)?;
        let head: Head = serde_json::from_slice(&text).map_err(|_| Distrust::Other("version of Ostro"))?;
        let mut functions = Vec::new();
        let most = MAX_FUNCTIONS_BYTES as u64 + 1;
        (&file).take(most).read_to_end(&mut functions).map_err(Distrust::Unreadable)?;
        // Whatever the file says of itself, it has to be this.
        let expected = self.head(project, lane, &functions);
        if head.engine != expected.engine {
            return Err(Distrust::Other("engine"));
        }
        self.sealer.check(&expected, &*functions, &head.mac)?;
        if head != (Head { mac: head.mac.clone(), ..expected }) {
            return Err(Distrust::Other("owner, lane or size"));
        }
        // Used now: it goes last when room is short.
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times =
            Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: now };
        let _ = rustix::fs::futimens(&file, &times);
        Ok(functions)
    }

    /// Under its name there is the old file or the new one, whenever the process ends. After a loss of power the new
    /// one may be incomplete: its seal does not match then. That is cheaper than to wait for the disk.
    fn write(&self, dir: &Dir, project: ProjectId, lane: Lane, functions: &[u8]) -> io::Result<()> {
        let mut head = self.head(project, lane, functions);
        head.mac = self.sealer.sign(&head, functions).map_err(io::Error::other)?;
        let head = serde_json::to_vec(&head)?;
        let length = u32::try_from(head.len()).map_err(io::Error::other)?;
        let draft = format!("draft-{}", Uuid::now_v7().simple());
        let mut options = OpenOptions::new();
        let mut file = dir.open_with(&draft, options.write(true).create_new(true).mode(0o600))?;
        let written =
            [&length.to_le_bytes(), &*head, functions].iter().try_for_each(|part| file.write_all(part));
        let written = written.and_then(|()| dir.rename(&draft, dir, file_name(project, lane)));
        if written.is_err() {
            let _ = dir.remove_file(&draft);
        }
        written
    }

    /// What a file has to say of itself, without the MAC.
    fn head(&self, project: ProjectId, lane: Lane, functions: &[u8]) -> Head {
        Head {
            functions_format: FORMAT,
            engine: self.sealer.engine().to_owned(),
            project,
            lane: lane_name(lane).to_owned(),
            size: functions.len() as u64,
            mac: String::new(),
        }
    }

    fn make_room(&self, dir: &Dir) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in dir.entries()? {
            let entry = entry?;
            // What another thread has just renamed or removed is no longer of interest.
            let Ok(found) = entry.metadata() else { continue };
            files.push((found.modified()?, found.len(), entry.file_name()));
        }
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort();
        for (_, size, file) in files {
            if total <= self.max_total_bytes {
                break;
            }
            remove_entry(dir, &file)?;
            total = total.saturating_sub(size);
        }
        Ok(())
    }
}

fn open_folder(cache: &Dir) -> io::Result<Dir> {
    // A link would lead elsewhere, and a file is none of ours.
    if cache.symlink_metadata(FOLDER).is_ok_and(|found| !found.is_dir()) {
        cache.remove_file(FOLDER)?;
    }
    cache.create_dir_all(FOLDER)?;
    cache.open_dir(FOLDER)
}

fn file_name(project: ProjectId, lane: Lane) -> String {
    format!("{}-{}", project.0.simple(), lane_name(lane))
}

/// Reads a [`file_name`] back.
fn owner(file: &str) -> Option<ProjectId> {
    let (project, _) = file.split_once('-')?;
    let project = ProjectId(Uuid::try_parse(project).ok()?);
    LANES.iter().any(|lane| file == file_name(project, *lane)).then_some(project)
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Plain => "plain",
        Lane::Concurrent => "concurrent",
    }
}

#[cfg(test)]
mod tests;
