//! Backups.

use serde::{Deserialize, Serialize};
use store::backup::Manifest;
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
}

impl BackupReport {
    /// Of a backup in that folder.
    pub fn of(folder: String, manifest: &Manifest) -> Self {
        Self {
            folder,
            projects: manifest.projects.iter().map(|project| project.name.clone()).collect(),
            files: manifest.files.len() as u64,
            bytes: manifest.files.iter().map(|file| file.bytes).sum(),
        }
    }
}
