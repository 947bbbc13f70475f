//! Options of `ostro rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

use super::values::{self, Data};

/// `ostro rules`.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Try calls of a file under the rules of the manifest, and say which end otherwise than it says
    #[command(after_help = "Example of a file:
  [documents]
  todos = [{ _id = \"milk\", owner = \"ann\", text = \"Milk\" }]

  [[case]]
  name = \"ann sees her own\"
  as = \"ann\"                            # or { user = \"ann\", roles = [\"editor\"] }; nobody without it
  call = \"find\"                         # an operation of the client API
  in = \"todos\"
  filter = {}                           # what it takes
  ids = [\"milk\"]

  [[case]]
  name = \"nobody takes hers\"
  as = \"bob\"
  call = \"update\"
  in = \"todos\"
  filter = { _id = \"milk\" }
  update = { \"$set\" = { owner = \"bob\" } }
  expect = \"nothing\"                    # or done, or the code of an error: forbidden, invalid, duplicate

  [objects]
  photos = [{ key = \"ann/1.png\", owner = \"ann\" }]

  [[case]]
  name = \"bob does not see hers\"
  as = \"bob\"
  call = \"list\"                         # or get, put, delete with a `key`; put also with `size` and `content_type`
  bucket = \"photos\"
  keys = []

No server is asked, and none is needed. Exit code 1 when a case fails.")]
    Test {
        /// The cases
        #[arg(value_name = "FILE", default_value = "rules.toml")]
        file: PathBuf,
        /// Whose rules
        #[arg(long, value_name = "FILE", default_value = "ostro.toml")]
        manifest: PathBuf,
    },
    /// Show what is left of a rule for a caller, the SQL that it becomes, and the index that is used
    Explain(ExplainArgs),
}

/// `ostro rules explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro rules explain todos --as ann
  ostro rules explain todos find '{\"filter\": {\"done\": false}, \"sort\": {\"at\": -1}}' --as ann --role editor
  ostro rules explain todos delete '{\"filter\": {}}'

The manifest says rules and indexes; no server is asked.")]
pub(crate) struct ExplainArgs {
    /// Name of the collection
    #[arg(value_name = "COLLECTION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) collection: String,
    /// An operation of the client API
    #[arg(value_name = "OPERATION", default_value = "find")]
    pub(crate) operation: String,
    /// What it takes: JSON, @FILE for a file, `-` for standard input [default: {}]
    #[arg(value_name = "BODY", value_parser = values::data)]
    pub(crate) body: Option<Data>,
    /// The id of the account that calls [default: nobody is signed in]
    #[arg(long = "as", value_name = "USER")]
    pub(crate) user: Option<String>,
    /// A role of the account; may be repeated
    #[arg(long = "role", value_name = "ROLE", requires = "user")]
    pub(crate) roles: Vec<String>,
    /// The account has no name yet
    #[arg(long, requires = "user")]
    pub(crate) anonymous: bool,
    /// Whose rules
    #[arg(long, value_name = "FILE", default_value = "ostro.toml")]
    pub(crate) manifest: PathBuf,
}
