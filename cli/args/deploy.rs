//! Options of `ostro deploy`.

use std::path::PathBuf;

use clap::Args;
use runtime::control::wire::AuthMode;

use super::values::{self, RouteFlag};

/// `ostro deploy`.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  ostro deploy                                     what ./ostro.toml says, after building it
  ostro deploy shop/ --function cart               one function of shop/ostro.toml
  ostro deploy hello.wasm                          a component, named by its file
  ostro deploy app.js --name hello                 JavaScript or TypeScript; no Node is needed
  ostro deploy new.wasm --name hello --route 'GET,POST /hello/{id}' --env GREETING=hi
  ostro deploy bff.wasm --grant http:https://api.example.com --memory 64MiB --cpu 2s
  ostro deploy report.wasm --cron '0 3 * * *' --timezone Europe/Berlin --job-wall 1h
  ostro deploy mailer.wasm --queue mail            it consumes the queue `mail`
  ostro deploy shop.wasm --grant queue:mail:send --binding MAIL=queue:mail     it sends to it

With a manifest, what it does not mention is removed. With flags, what they do not mention stays.
The URLs go to standard output.")]
pub(crate) struct DeployArgs {
    /// A .wasm, .js or .ts file, a directory with an ostro.toml or an app.js, or a manifest [default: ./ostro.toml]
    #[arg(value_name = "FILE|DIR|ostro.toml")]
    pub(crate) target: Option<PathBuf>,
    /// Deploy only this function of the manifest
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// Do not run the manifest's `build`
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Say what would be deployed, build and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// What a manifest would say, for a function of one file.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "For a function of one file")]
pub(crate) struct SettingsArgs {
    /// Name of the function [default: the file's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Route: `/path`, or `GET,POST /path`; may be repeated
    #[arg(long = "route", value_name = "ROUTE", value_parser = values::route)]
    pub(crate) routes: Vec<RouteFlag>,
    /// Whether callers have to be signed in: none, optional or required; of a route that says otherwise, as it says
    #[arg(long, value_name = "MODE", value_parser = values::auth)]
    pub(crate) auth: Option<AuthMode>,
    /// Thing that the function may use: secret:NAME, http:https://HOST, queue:NAME:send; may be repeated
    #[arg(long = "grant", value_name = "GRANT")]
    pub(crate) grants: Vec<String>,
    /// Environment variable; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = values::env)]
    pub(crate) env: Vec<(String, String)>,
    /// Name that the function gives to a resource, such as MAIL=queue:mail; it needs the grant too; may be repeated
    #[arg(long = "binding", value_name = "NAME=RESOURCE", value_parser = values::binding)]
    pub(crate) bindings: Vec<(String, String)>,
    /// Argument of a command, after its name; may be repeated
    #[arg(long = "arg", value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
    /// Memory of an instance, such as 64MiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// CPU of an invocation, such as 500ms or 10s
    #[arg(long, value_name = "TIME")]
    pub(crate) cpu: Option<String>,
    /// Time until the function must answer, such as 30s
    #[arg(long, value_name = "TIME")]
    pub(crate) wall: Option<String>,
    /// Invocations at once
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<u32>,
    /// Invocations that an instance serves; 1 is a fresh one each time
    #[arg(long, value_name = "N")]
    pub(crate) reuse: Option<u32>,
    /// Of those, how many at once; more than 1 only for components of WASI 0.3
    #[arg(long, value_name = "M")]
    pub(crate) concurrent: Option<u32>,
    /// Schedule that starts it: five fields, or a nickname such as @daily; may be repeated
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(crate) cron: Vec<String>,
    /// Time zone of the schedules, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "cron")]
    pub(crate) timezone: Option<String>,
    /// Queue that it consumes; may be repeated
    #[arg(long = "queue", value_name = "NAME")]
    pub(crate) queues: Vec<String>,
    /// CPU of a run that a job started, such as 5m
    #[arg(long, value_name = "TIME")]
    pub(crate) job_cpu: Option<String>,
    /// Time of a run that a job started, such as 15m
    #[arg(long, value_name = "TIME")]
    pub(crate) job_wall: Option<String>,
    /// Folder that the function reads at /assets
    #[arg(long, value_name = "DIR")]
    pub(crate) assets: Option<PathBuf>,
}

impl SettingsArgs {
    /// The first of these flags that was given, to refuse it beside a manifest.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("--name", self.name.is_some()),
            ("--route", !self.routes.is_empty()),
            ("--auth", self.auth.is_some()),
            ("--grant", !self.grants.is_empty()),
            ("--env", !self.env.is_empty()),
            ("--binding", !self.bindings.is_empty()),
            ("--arg", !self.args.is_empty()),
            ("--memory", self.memory.is_some()),
            ("--cpu", self.cpu.is_some()),
            ("--wall", self.wall.is_some()),
            ("--concurrency", self.concurrency.is_some()),
            ("--reuse", self.reuse.is_some()),
            ("--concurrent", self.concurrent.is_some()),
            ("--cron", !self.cron.is_empty()),
            ("--timezone", self.timezone.is_some()),
            ("--queue", !self.queues.is_empty()),
            ("--job-cpu", self.job_cpu.is_some()),
            ("--job-wall", self.job_wall.is_some()),
            ("--assets", self.assets.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }
}

/// `ostro build`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro build                            every function of ./ostro.toml
  ostro build app.ts -o shop.wasm        JavaScript or TypeScript to a component; no Node is needed

`ostro deploy` builds by itself. The names of the components go to standard output.")]
pub(crate) struct BuildArgs {
    /// A .js or .ts file, a directory with an ostro.toml or an app.js, or a manifest [default: ./ostro.toml]
    #[arg(value_name = "FILE|DIR|ostro.toml")]
    pub(crate) target: Option<PathBuf>,
    /// Where the component goes [default: NAME.wasm in this directory; where the manifest has it, if it names a .wasm file]
    #[arg(long, short = 'o', value_name = "FILE.wasm")]
    pub(crate) out: Option<PathBuf>,
    /// Build only this function of the manifest; of a file: the name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}
