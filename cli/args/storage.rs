//! Options of `ostro storage`.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

/// `ostro storage`.
#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// List the buckets of the project, or the objects of a bucket
    #[command(
        visible_alias = "list",
        after_help = "Examples:
  ostro storage ls                       the buckets
  ostro storage ls avatars               the first 1,000 objects, in the order of their keys
  ostro storage ls exports 2026- --all   all whose keys begin so"
    )]
    Ls(ListArgs),
    /// Make a bucket
    #[command(after_help = "Example:
  ostro storage create avatars

A bucket is also made by a deploy: [bucket.avatars] in ostro.toml, or a grant to use it.")]
    Create {
        #[command(flatten)]
        bucket: BucketArgs,
    },
    /// Put an object in its bucket; it replaces what has its key
    Put(PutArgs),
    /// Write the content of an object to standard output or to a file
    Get(GetArgs),
    /// Delete objects, for ever
    #[command(after_help = "Example:\n  ostro storage rm exports 2025-01.csv 2025-02.csv")]
    Rm {
        #[command(flatten)]
        bucket: BucketArgs,
        /// Keys of objects
        #[arg(value_name = "KEY", required = true, value_parser = NonEmptyStringValueParser::new())]
        keys: Vec<String>,
    },
}

/// One bucket.
#[derive(Debug, Args)]
pub(crate) struct BucketArgs {
    /// Name of the bucket
    #[arg(value_name = "BUCKET", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}

/// One object.
#[derive(Debug, Args)]
pub(crate) struct ObjectArgs {
    #[command(flatten)]
    pub(crate) bucket: BucketArgs,
    /// Key of the object: any text of up to 1,024 bytes
    #[arg(value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key: String,
}

/// `ostro storage ls`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Name of the bucket [default: lists the buckets]
    #[arg(value_name = "BUCKET", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) bucket: Option<String>,
    /// Only keys that begin so
    #[arg(value_name = "PREFIX", default_value = "")]
    pub(crate) prefix: String,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// All of them, however many there are
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

/// `ostro storage put`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro storage put avatars ann.png ~/pictures/ann.png
  pg_dump shop | ostro storage put backups shop.sql --content-type application/sql

It is there when this returns, whole; until then what was there stays. Content of any length goes
through as it is read.")]
pub(crate) struct PutArgs {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// File with the content, `-` for standard input
    #[arg(value_name = "FILE|-", default_value = "-")]
    pub(crate) file: PathBuf,
    /// Media type [default: the one of the file's or the key's ending]
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
}

/// `ostro storage get`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro storage get avatars ann.png ann.png
  ostro storage get backups shop.sql | psql shop

With a name, the file appears when it is complete. Damage on the server ends it with a failure: what
was written is right, and not all.")]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// Where the content goes, `-` for standard output
    #[arg(value_name = "FILE|-", default_value = "-")]
    pub(crate) file: PathBuf,
}
