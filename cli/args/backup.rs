//! Options of `ostro backup` and `ostro restore`.

use std::path::PathBuf;

use clap::Args;

/// `ostro backup`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro backup /srv/backups/2026-01-31                    all projects, while the server runs
  ostro backup /srv/backups/shop --project shop           one project
  ostro backup /srv/backups/cold --data /var/lib/ostro    without a server

The server writes the folder itself, on its own machine; nothing that runs waits for it. The folder
appears when it is complete. It holds everything but the master key, the administrator's token, logs
and compiled code: keep the key where the backup is not. What could not be saved, because it is lost or
damaged, is named, all else is saved, and the command ends with 1.")]
pub(crate) struct BackupArgs {
    /// New folder for the backup
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Data directory to copy when no server runs on it [default: a running server is asked]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// `ostro restore`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro restore /srv/backups/2026-01-31 --data /var/lib/ostro           a new data directory
  ostro restore /srv/backups/2026-01-31 --data .ostro --project shop    one project, beside others
  ostro restore /srv/backups/shop --data .ostro --project shop --name shop-2

No server may run on the data directory. Every file is looked at first: a backup that is damaged, or that
a newer version made, is refused, and nothing is changed. A project is restored only where it is not: it
keeps its id. The master key has to be the one of the server that made the backup.")]
pub(crate) struct RestoreArgs {
    /// Folder with the backup
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Data directory: a new one, or with --project one that is there
    #[arg(long, env = "OSTRO_DATA", value_name = "DIR", default_value = ".ostro")]
    pub(crate) data: PathBuf,
    /// Name for the restored project [default: the one that it had]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// File with the key that seals the secrets, when OSTRO_MASTER_KEY is not set [default: ~/.config/ostro/master.key]
    #[arg(long, env = "OSTRO_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}
