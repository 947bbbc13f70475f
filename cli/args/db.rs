//! Options of `ostro db`.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use runtime::control::wire::{Existing, MAX_SKIP};

use super::values::{self, Data};

/// `ostro db`.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// List the collections of the project: their indexes, how many documents, how large
    #[command(visible_alias = "ls")]
    Collections,
    /// Make a collection, or give it indexes
    Create(CreateArgs),
    /// Print the documents that match a filter
    Find(FindArgs),
    /// Print the document of an `_id`
    #[command(after_help = "Example:\n  ostro db get users 019c2f6e-8a41-7c30-9d52-6f1f0e6a3b7d")]
    Get {
        #[command(flatten)]
        collection: CollectionArgs,
        /// Its `_id`
        #[arg(value_name = "ID", allow_hyphen_values = true, value_parser = NonEmptyStringValueParser::new())]
        id: String,
    },
    /// Count the documents that match a filter
    #[command(after_help = "Example:\n  ostro db count users '{\"age\": {\"$gte\": 18}}'")]
    Count {
        #[command(flatten)]
        collection: CollectionArgs,
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Put in a document, or up to 1,000; prints their `_id`s
    Insert(InsertArgs),
    /// Change the documents that match a filter
    Update(UpdateArgs),
    /// Delete the documents that match a filter, for ever
    Delete(DeleteArgs),
    /// Put in the documents of a file, as many as it has
    Import(ImportArgs),
    /// Write all documents of a collection, a line each
    Export(ExportArgs),
}

/// One collection.
#[derive(Debug, Args)]
pub(crate) struct CollectionArgs {
    /// Name of the collection
    #[arg(value_name = "COLLECTION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}

/// Which documents, if not all.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Which documents: JSON in MongoDB's words, @FILE for a file, `-` for standard input [default: all]
    #[arg(value_name = "FILTER", value_parser = values::data)]
    pub(crate) filter: Option<Data>,
}

/// `ostro db create`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro db create users --unique email
  ostro db create orders --index customer,placed --index state

With --index or --unique, the collection has these indexes afterwards and no others; without, those it
has. A collection is also made by a deploy: [collection.users] in ostro.toml, or a grant to use it.")]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(crate) collection: CollectionArgs,
    /// Index over these fields, the most important first; may be repeated
    #[arg(long = "index", value_name = "FIELD,…")]
    pub(crate) indexes: Vec<String>,
    /// The same where no two documents may have the same values; may be repeated
    #[arg(long = "unique", value_name = "FIELD,…")]
    pub(crate) uniques: Vec<String>,
}

/// `ostro db find`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro db find users                                     the first 100
  ostro db find users '{\"age\": {\"$gt\": 18}}' --sort age,-name --limit 10
  ostro db find users '{\"tags\": \"new\"}' --fields name,email --all | jq -r .email
  ostro db find orders @filter.json --sort '{\"placed\": -1}' --skip 20

A line of JSON for each document, as it is stored; on a terminal indented, unless --json asks for lines.
docs/documents.md lists the operators.")]
pub(crate) struct FindArgs {
    #[command(flatten)]
    pub(crate) collection: CollectionArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Order: fields, with `-` before one for the highest first, or JSON
    #[arg(long, value_name = "FIELD,-FIELD,…|JSON", allow_hyphen_values = true, value_parser = values::sort)]
    pub(crate) sort: Option<String>,
    /// Pass over so many first, 1,000,000 at most
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SKIP))]
    pub(crate) skip: u64,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// Only these fields, or all but those with `-` before them; or JSON
    #[arg(long, value_name = "FIELD,…|JSON", allow_hyphen_values = true, value_parser = values::fields)]
    pub(crate) fields: Option<String>,
    /// All of them, however many there are
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

/// `ostro db insert`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro db insert users '{\"name\": \"Ada\", \"age\": 36}'
  ostro db insert users '[{\"_id\": \"ada\"}, {\"_id\": \"bob\"}]'     all of them, or none
  ostro db insert users @ada.json
  ostro db insert users < ada.json

A document without `_id` gets one. `ostro db import` takes files of any length.")]
pub(crate) struct InsertArgs {
    #[command(flatten)]
    pub(crate) collection: CollectionArgs,
    /// A document or an array of them: JSON, @FILE for a file, `-` for standard input
    #[arg(value_name = "JSON|@FILE|-", default_value = "-", value_parser = values::data)]
    pub(crate) documents: Data,
}

/// `ostro db update`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro db update users '{\"_id\": \"ada\"}' '{\"$set\": {\"age\": 37}}'
  ostro db update users '{\"age\": {\"$gte\": 18}}' '{\"$set\": {\"adult\": true}}' --yes
  ostro db update counters '{\"_id\": \"hits\"}' '{\"$inc\": {\"n\": 1}}' --upsert
  ostro db update users '{\"_id\": \"ada\"}' '{\"name\": \"Ada King\"}' --replace

All documents that match are changed, up to 100,000, together or not at all; `{}` matches all.")]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// What is changed, in MongoDB's operators; with --replace the new document
    #[arg(value_name = "UPDATE", value_parser = values::data)]
    pub(crate) update: Data,
    /// Put UPDATE in the place of the first that matches
    #[arg(long)]
    pub(crate) replace: bool,
    /// Make a document where none matches
    #[arg(long)]
    pub(crate) upsert: bool,
    #[command(flatten)]
    pub(crate) how_many: HowManyArgs,
}

/// `ostro db delete`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro db delete sessions '{\"expires\": {\"$lt\": {\"$date\": \"2026-01-01T00:00:00Z\"}}}'
  ostro db delete jobs '{\"state\": \"done\"}' --one --sort finished
  ostro db delete drafts '{}' --yes                       every document; the collection stays

All documents that match are deleted, up to 100,000, together or not at all.")]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) how_many: HowManyArgs,
}

/// Which documents are to be changed.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    #[command(flatten)]
    pub(crate) collection: CollectionArgs,
    /// Which documents: JSON in MongoDB's words, @FILE for a file, `-` for standard input
    #[arg(value_name = "FILTER", value_parser = values::data)]
    pub(crate) filter: Data,
}

/// How many of the documents that match.
#[derive(Debug, Args)]
pub(crate) struct HowManyArgs {
    /// Only the first that matches
    #[arg(long)]
    pub(crate) one: bool,
    /// With --one, which is the first: fields, with `-` before one for the highest, or JSON
    #[arg(long, value_name = "FIELD,-FIELD,…|JSON", allow_hyphen_values = true, value_parser = values::sort)]
    pub(crate) sort: Option<String>,
    /// Do not ask before several are changed
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `ostro db import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro db import users users.jsonl
  zcat users.jsonl.gz | ostro db import users -
  ostro db import users users.jsonl --upsert              what is there already is replaced

A document a line, or one array of documents: what `ostro db export` and `mongoexport` write. It is sent in
batches, each stored whole or not at all. At a fault it stops, names the line and says how to go on: what
was stored stays stored. Every document without `_id` is a new one, each time.")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) collection: CollectionArgs,
    /// File with JSON lines or an array of documents, `-` for standard input
    #[arg(value_name = "FILE|-")]
    pub(crate) file: PathBuf,
    /// A document whose `_id` is there already takes the place of that one
    #[arg(long, conflicts_with = "skip_existing")]
    pub(crate) upsert: bool,
    /// A document whose `_id` is there already is left out
    #[arg(long)]
    pub(crate) skip_existing: bool,
}

impl ImportArgs {
    /// What a document means that is there already.
    pub(crate) fn existing(&self) -> Existing {
        match (self.upsert, self.skip_existing) {
            (true, _) => Existing::Replace,
            (false, true) => Existing::Skip,
            (false, false) => Existing::Refuse,
        }
    }
}

/// `ostro db export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro db export users > users.jsonl
  ostro db export users users.jsonl          the file appears when it is complete
  ostro db export --all backup/              every collection, each in backup/COLLECTION.jsonl

A document a line, as it is stored: what `ostro db import` reads. A document that is written meanwhile is
in it as it was or as it is. For a copy of one moment: `ostro backup`.")]
pub(crate) struct ExportArgs {
    /// Name of the collection
    #[arg(value_name = "COLLECTION", required_unless_present = "all", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) collection: Option<String>,
    /// Where the documents go [default: standard output]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// All collections, each into a file of this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["collection", "file"])]
    pub(crate) all: Option<PathBuf>,
}
