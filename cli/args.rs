//! What can be typed: the command line, exactly as clap parses it. What it means is decided in `commands`.

mod backup;
mod db;
mod deploy;
mod develop;
mod jobs;
mod rules;
mod serve;
mod site;
mod storage;
mod user;
mod values;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, builder::NonEmptyStringValueParser};
use runtime::{control::wire::Scope, registry::compile::COMMAND as COMPILE};

pub(crate) use backup::{BackupArgs, RestoreArgs};
pub(crate) use db::{
    CreateArgs, DbCommand, DeleteArgs, ExportArgs, FilterArgs, FindArgs, HowManyArgs, ImportArgs, InsertArgs,
    UpdateArgs,
};
pub(crate) use deploy::{BuildArgs, DeployArgs, SettingsArgs};
pub(crate) use develop::{DevArgs, Lang, NewArgs};
pub(crate) use jobs::{CronCommand, JobsCommand, QueueCommand, ScheduleArgs, SendArgs};
pub(crate) use rules::{ExplainArgs, RulesCommand};
pub(crate) use serve::{LogFormat, ServeArgs};
pub(crate) use site::SiteCommand;
pub(crate) use storage::{GetArgs, ListArgs, PutArgs, StorageCommand};
pub(crate) use user::{UserCommand, UserCreateArgs, UserListArgs};
pub(crate) use values::{Data, RouteFlag, Since};

use crate::connection::Token;

/// One binary that turns WebAssembly functions into a backend.
#[derive(Debug, Parser)]
#[command(
    name = "ostro",
    version,
    about,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "Examples:
  ostro new shop --lang js                 a new project, in the folder `shop`
  ostro dev                                build, deploy and watch the project in this folder
  ostro serve                              start a server here, state in ./.ostro
  ostro deploy hello.wasm                  upload a component; prints its URLs
  curl http://hello.localhost:8700/        call it
  ostro logs hello -f                      watch its log
  ostro rollback hello                     go back to the revision before

Data goes to standard output, words to standard error.
Exit codes: 0 done, 1 failed, 2 wrong use. `ostro COMMAND --help` has more examples."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Project to work in [default: the one in ./ostro.toml, of the connection, or `default`]
    #[arg(long, global = true, env = "OSTRO_PROJECT", hide_env_values = true, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Server to talk to: the URL of its control API, or the name of a saved connection
    #[arg(long, global = true, env = "OSTRO_URL", hide_env_values = true, value_name = "URL|NAME")]
    pub(crate) url: Option<String>,
    /// API token; better in OSTRO_TOKEN or saved by `ostro login`, since others can see a command line
    #[arg(long, global = true, env = "OSTRO_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<Token>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Send the token over plain HTTP to another machine
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
    /// Print data and errors only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new project in a folder of its own
    New(NewArgs),
    /// Develop: a server of its own that builds and deploys again whenever a file changes
    Dev(DevArgs),
    /// Run the server
    Serve(Box<ServeArgs>),
    /// Make the components of functions, and send nothing
    Build(BuildArgs),
    /// Upload functions and make them answer
    Deploy(Box<DeployArgs>),
    /// List the functions of the project
    #[command(visible_alias = "ls")]
    List,
    /// Show one function: its URLs, routes, grants and limits
    Show(FunctionArgs),
    /// Delete a function with its revisions; its audit trail stays
    #[command(after_help = "Example:\n  ostro delete hello")]
    Delete(FunctionArgs),
    /// List the kept revisions of a function
    Revisions(FunctionArgs),
    /// Make an earlier revision the active one
    #[command(after_help = "Examples:
  ostro rollback hello            to the revision before the active one
  ostro rollback hello --to 3     to revision 3

Routes and grants stay as they are now.")]
    Rollback(RollbackArgs),
    /// Call a function and print its answer
    Invoke(InvokeArgs),
    /// Print the log of a function
    Logs(LogsArgs),
    /// List recent invocations with their outcome and bill
    Invocations(InvocationsArgs),
    /// Manage schedules: what starts functions at fixed times
    #[command(
        subcommand,
        after_help = "Examples:
  ostro cron list
  ostro cron run nightly-report          now, whatever its schedule says
  ostro cron pause nightly-report        until `ostro cron resume nightly-report`

A schedule is made by a deploy: cron = [\"0 3 * * *\"] in ostro.toml, or `ostro deploy --cron`."
    )]
    Cron(CronCommand),
    /// Manage queues: send messages, look at them, clean up
    #[command(
        subcommand,
        after_help = "Examples:
  ostro queue send mail --data '{\"to\":\"ada@example.com\"}'
  ostro queue list                       what waits, runs, is done or dead
  ostro queue dead mail                  what failed for good, and why
  ostro queue redrive mail               try that again

A queue is made by a deploy: queues = [\"mail\"] of its consumer in ostro.toml, or `ostro deploy --queue`."
    )]
    Queue(QueueCommand),
    /// Look at jobs: calls that nobody waits for, slots of schedules, messages
    #[command(
        subcommand,
        after_help = "Examples:
  ostro jobs list report                 the asynchronous calls and the slots of a function
  ostro jobs show ID                     state, attempts, last error, payload, result

`ostro invoke --async`, `ostro cron run` and `ostro queue send` print the ids of jobs."
    )]
    Jobs(JobsCommand),
    /// Look at the documents of collections, change them, bring them in and take them out
    #[command(
        subcommand,
        after_help = "Examples:
  ostro db collections
  ostro db find users '{\"age\": {\"$gt\": 18}}' --sort -age --limit 10
  ostro db insert users '{\"name\": \"Ada\"}'
  ostro db export users > users.jsonl
  ostro db import users users.jsonl --upsert

A collection is made by a deploy: [collection.users] in ostro.toml or a grant to use it; or by
`ostro db create`."
    )]
    Db(DbCommand),
    /// Look at the objects of buckets, put, get and delete them
    #[command(
        subcommand,
        after_help = "Examples:
  ostro storage ls avatars
  ostro storage put avatars ann.png ~/pictures/ann.png
  ostro storage get avatars ann.png > ann.png
  ostro storage rm avatars ann.png

A bucket is made by a deploy: [bucket.avatars] in ostro.toml or a grant to use it; or by
`ostro storage create`."
    )]
    Storage(StorageCommand),
    /// Look at the static site of the project, go back, delete it
    #[command(subcommand, after_help = "A site is made by a deploy: [site] with `folder` in ostro.toml.")]
    Site(SiteCommand),
    /// Try the rules of collections and buckets, and see what becomes of them
    #[command(
        subcommand,
        after_help = "Examples:
  ostro rules test                       the cases of rules.toml under the rules of ostro.toml
  ostro rules explain todos --as ann     what ann's questions become: condition, SQL, index

Rules stand in ostro.toml: docs/rules.md."
    )]
    Rules(RulesCommand),
    /// Look after the people who use the project
    #[command(
        subcommand,
        after_help = "Examples:
  ostro user list
  ostro user create ann@example.com --role editor < password.txt
  ostro user disable ann@example.com

People sign in where [auth] in ostro.toml lets them: docs/accounts.md."
    )]
    User(UserCommand),
    /// Manage the secrets of the project
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Manage projects
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Manage API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Copy everything, or one project, into a folder, while the server runs
    Backup(BackupArgs),
    /// Make a data directory of a backup, or bring one project back
    Restore(RestoreArgs),
    /// Save a connection to a server, and use it from now on
    Login(LoginArgs),
    /// List who changed what
    Audit(AuditArgs),
    /// Compile a component from standard input to standard output: the server calls this, not people
    #[command(name = COMPILE, hide = true)]
    Compile,
}

/// One function.
#[derive(Debug, Args)]
pub(crate) struct FunctionArgs {
    /// Name of the function
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}

/// `ostro rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) function: FunctionArgs,
    /// Revision to go to [default: the one before the active]
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) to: Option<u32>,
}

/// `ostro invoke`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro invoke hello
  ostro invoke hello --path '/greet?name=Ada'
  ostro invoke guestbook --data '{\"text\":\"hi\"}'
  ostro invoke thumbnail --data @photo.jpg > small.jpg
  ostro invoke report --async --data '{\"year\":2026}'     prints the id of a job; `ostro jobs show ID`
  ostro invoke prices --call '{\"of\":\"tea\"}'            by name: JSON in, JSON out

The body goes to standard output. Exit code 1 when the function answers 400 or more.
With --async the call is stored, made at least once under the function's limits for jobs, up to three
attempts, and its answer is kept for a day.")]
pub(crate) struct InvokeArgs {
    #[command(flatten)]
    pub(crate) function: FunctionArgs,
    /// Path and query that the function sees
    #[arg(long, default_value = "/", value_parser = values::path)]
    pub(crate) path: String,
    /// HTTP method [default: POST with --data, GET without]
    #[arg(long, short = 'X', value_parser = values::method)]
    pub(crate) method: Option<String>,
    /// Request body: the text itself, @FILE for a file, `-` for standard input
    #[arg(long, short, value_name = "TEXT|@FILE|-", allow_hyphen_values = true, value_parser = values::data)]
    pub(crate) data: Option<Data>,
    /// Call it by name, `main(event)`: JSON in, JSON out; the text itself, @FILE for a file, `-` for standard input
    #[arg(
        long,
        value_name = "JSON|@FILE|-",
        allow_hyphen_values = true,
        value_parser = values::data,
        conflicts_with_all = ["path", "method", "data"]
    )]
    pub(crate) call: Option<Data>,
    /// Store the call as a job and do not wait for the answer; prints the job's id
    #[arg(long = "async")]
    pub(crate) asynchronous: bool,
}

/// `ostro logs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro logs hello                       the latest lines
  ostro logs hello -f                    go on as new lines come, until Ctrl-C
  ostro logs hello --since 2h30m
  ostro logs hello --json | jq -r 'select(.stream == \"stderr\").message'

With --json, one JSON object a line.")]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) function: FunctionArgs,
    /// Go on as new lines come
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// How far back: 90s, 10m, 2h30m, 1d, or a time such as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::since)]
    pub(crate) since: Option<Since>,
    /// At most so many lines, the latest ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}

/// `ostro invocations`.
#[derive(Debug, Args)]
pub(crate) struct InvocationsArgs {
    #[command(flatten)]
    pub(crate) function: FunctionArgs,
    /// At most so many, the latest ones
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// `ostro secret`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Set a secret; the value is read from standard input unless given
    #[command(after_help = "Examples:
  ostro secret set SMTP_PASSWORD < password.txt
  pass show smtp | ostro secret set SMTP_PASSWORD
  ostro secret set TLS_KEY --from-file key.pem

One line break at the end of standard input is dropped; a file is taken as it is.
A function sees the secret when it is granted: grants = [\"secret:SMTP_PASSWORD\"].")]
    Set(SecretSetArgs),
    /// List names and times; values are never shown
    #[command(visible_alias = "ls")]
    List,
    /// Delete a secret
    Delete {
        /// Name of the secret
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
    },
}

/// `ostro secret set`.
#[derive(Debug, Args)]
pub(crate) struct SecretSetArgs {
    /// Name of the secret
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// The value itself; the shell's history keeps it, so better use standard input
    #[arg(conflicts_with = "from_file", allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
    /// Read the value from a file, as it is
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
}

/// `ostro project`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// Create a project
    #[command(after_help = "Example:\n  ostro project create shop\n  ostro --project shop deploy cart.wasm")]
    Create {
        /// Name of the project
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
    },
    /// List the projects of the server
    #[command(visible_alias = "ls")]
    List,
    /// Delete a project with its functions, secrets and tokens
    Delete {
        /// Name of the project
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// `ostro token`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token; its text is printed once and never again
    #[command(after_help = "Examples:
  ostro token create --label ci --scope deploy,read
  ostro token create --label ops --scope admin --server")]
    Create {
        /// What it is for, to recognise it in the list
        #[arg(long)]
        label: String,
        /// What it may do
        #[arg(long = "scope", required = true, value_delimiter = ',', action = ArgAction::Append,
              value_name = "deploy|read|invoke|admin", value_parser = values::scope)]
        scopes: Vec<Scope>,
        /// For the whole server and not for one project
        #[arg(long)]
        server: bool,
    },
    /// List tokens; only their public prefix is shown
    #[command(visible_alias = "ls")]
    List {
        /// The tokens of the whole server and not those of the project
        #[arg(long)]
        server: bool,
    },
    /// Revoke a token, for ever and at once
    Revoke {
        /// Its prefix, as in the list
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        prefix: String,
        /// A token of the whole server and not of the project
        #[arg(long)]
        server: bool,
    },
}

/// `ostro login`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro login https://ostro.example.com:8701 < token.txt
  ostro login https://ostro.example.com:8701 --name production
  ostro --url production list

The token is read from standard input unless OSTRO_TOKEN or --token gives it, checked with the
server, and saved for your user only. `--url NAME` picks a saved connection for one command.")]
pub(crate) struct LoginArgs {
    /// URL of the server's control API
    #[arg(value_name = "SERVER")]
    pub(crate) server: String,
    /// What to call the connection [default: the host's name]
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// `ostro audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// At most so many, the latest ones
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Of the whole server and not of the project
    #[arg(long)]
    pub(crate) server: bool,
}

#[cfg(test)]
mod tests;
