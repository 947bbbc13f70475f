//! Options of `ostro new` and `ostro dev`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `ostro new`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro new shop                        JavaScript, in the folder `shop`
  ostro new shop --lang ts
  ostro new shop --lang rust

Then: `cd shop && ostro dev`.")]
pub(crate) struct NewArgs {
    /// Name of the folder and of the function in it: lower-case letters, digits and `-`
    pub(crate) name: String,
    /// Language
    #[arg(long, value_name = "LANG", default_value = "js")]
    pub(crate) lang: Lang,
}

/// A language that there is a template for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// Rust, built by cargo
    Rust,
    /// JavaScript, built by `ostro`
    Js,
    /// TypeScript, built by `ostro`
    Ts,
}

/// `ostro dev`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro dev                             what ./ostro.toml says
  ostro dev shop --listen 127.0.0.1:9000

It starts a server with data of its own (.ostro/dev in the project), builds and deploys every function,
and does so again when a file changes. Logs and bills appear as they come.
Keys: `a` adds the grant that was missing, `r` builds everything again, `q` or Ctrl-C ends it.
In another terminal `ostro --url dev …` talks to this server, such as `ostro --url dev secret set API_KEY`.
With --json, one event a line: ready, building, deployed, removed, error, log, invocation, grant_missing …")]
pub(crate) struct DevArgs {
    /// The project's folder, with an ostro.toml
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Address for functions [default: 127.0.0.1:8700, or the next free port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// Address for the control API [default: 127.0.0.1:8701, or the next free port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) admin: Option<String>,
    /// How much the server itself logs: error, warn, info, debug or trace
    #[arg(long, env = "OSTRO_LOG", value_name = "LEVEL", default_value = "warn")]
    pub(crate) log: String,
}
