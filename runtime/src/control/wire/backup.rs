//! Backups.

use serde::{Deserialize, Serialize};
use store::backup::{Manifest, Missing};
use utoipa::ToSchema;

/// Body of `POST /v1/backup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupRequest {
    /// Absolute path on the server's machine; nothing is there, or an empty folder.
    pub folder: String,
    /// Only this project; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// Most of what is missing that a report lists; `backup.json` has all of it.
const MAX_MISSING: usize = 100;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupReport {
    /// Where it is, or was restored from.
    pub folder: String,
    /// Names of the projects.
    pub projects: Vec<String>,
    /// How many files it has.
    pub files: u64,
    /// How long they are together.
    pub bytes: u64,
    /// How much of what the projects should have could not be saved. 0 in a sound backup.
    #[serde(default)]
    pub missing: u64,
    /// The first hundred of those; `backup.json` has all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_list: Vec<MissingView>,
}

/// Something that a backup should have and has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingView {
    /// Name of the project.
    pub project: String,
    /// What it is, such as ``object `a.txt` of bucket `files` ``.
    pub what: String,
    /// Where it should be, below the data directory.
    pub path: String,
    /// Why it could not be saved.
    pub why: String,
}

impl BackupReport {
    /// Of a backup in that folder.
    pub fn of(folder: String, manifest: &Manifest) -> Self {
        Self {
            folder,
            projects: manifest.projects.iter().map(|project| project.name.clone()).collect(),
            files: manifest.files.len() as u64,
            bytes: manifest.files.iter().map(|file| file.bytes).sum(),
            missing: manifest.missing.len() as u64,
            missing_list: manifest.missing.iter().take(MAX_MISSING).map(MissingView::of).collect(),
        }
    }
}

impl MissingView {
    /// Of what a backup lacks.
    pub fn of(missing: &Missing) -> Self {
        let Missing { project, what, path, why } = missing.clone();
        Self { project, what, path, why }
    }
}
