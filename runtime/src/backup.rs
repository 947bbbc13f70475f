//! Backups, made by a server for the control API or by the command line where none runs: what goes wrong is said to an
//! operator, who may see all of it.

use std::path::Path;

pub(crate) use store::backup::Missing;
use store::backup::{self, About, Manifest, Place, Restored, Scope};
use store::{DataDir, StoreError};

use crate::clock::Clock;
use crate::config::Config;
use crate::problem::{Chain, Problem};

/// Makes a backup in the folder `to`, which must be new: of everything, or of the project of that name. Blocks.
pub(crate) fn make(
    data: &DataDir,
    to: &Path,
    project: Option<&str>,
    clock: &Clock,
) -> Result<Manifest, Problem> {
    let scope = project.map_or(Scope::Whole, |name| Scope::Project(name.to_owned()));
    let about = About { server_version: env!("CARGO_PKG_VERSION"), now_ms: clock.now_ms() };
    backup::make(data, to, &scope, &about).map_err(|error| problem(&error))
}

/// The same of a data directory that no server has open. Blocks.
pub fn make_at_rest(data: &Path, to: &Path, project: Option<&str>) -> Result<Manifest, Problem> {
    let data = backup::established(data).map_err(|error| problem(&error))?;
    make(&data, to, project, &Clock::system())
}

/// Restores a whole backup as the new data directory `data`. Blocks.
pub fn restore(from: &Path, data: &Path) -> Result<Manifest, Problem> {
    backup::restore(from, data).map_err(|error| problem(&error))
}

/// Restores one project of a backup into the data directory of that configuration, which no server has open, under its
/// own name or another. Blocks.
pub fn restore_project(
    from: &Path,
    project: &str,
    name: Option<&str>,
    config: Config,
) -> Result<Restored, Problem> {
    let restore = || {
        let data = backup::established(&config.data)?;
        let keys = backup::keys(&data, config.key)?;
        let place = Place { data: &data, keys: &keys, name, now_ms: Clock::system().now_ms() };
        backup::restore_project(from, project, &place)
    };
    restore().map_err(|error| problem(&error))
}

fn problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Unusable(text) => Problem::new(422, "backup", text.clone()),
        StoreError::NotFound { what } => Problem::not_found(what),
        StoreError::Conflict { what, holder } => {
            Problem::new(409, "conflict", format!("{what} is already taken by {holder}")).hint(
                "give it another name, or delete that one first; a project is restored only where it is not",
            )
        }
        StoreError::NoSpace(_) => {
            Problem::new(507, "no_space", "the disk is full; what was begun is removed")
        }
        other => Problem::new(500, "store", Chain(other).to_string()),
    }
}
