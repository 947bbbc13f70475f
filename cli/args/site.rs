//! Options of `ostro site`.

use clap::Subcommand;

/// `ostro site`.
#[derive(Debug, Subcommand)]
pub(crate) enum SiteCommand {
    /// Show where the site answers, and its kept versions
    Show,
    /// Serve an earlier version again
    #[command(after_help = "Examples:
  ostro site rollback             to the version before the active one
  ostro site rollback --to 3      to version 3")]
    Rollback {
        /// Number of the version [default: the one before the active one]
        #[arg(long, value_name = "VERSION")]
        to: Option<u32>,
    },
    /// Delete the site with all its versions
    Delete,
}
