//! Options of `ostro serve`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `ostro serve`. Every option is also an environment variable; what is not given is taken from the
/// configuration file, then from the defaults.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ostro serve
  ostro serve --data /var/lib/ostro --domain functions.example.com --trusted-proxy 127.0.0.1
  OSTRO_LOG=debug ostro serve

The first start creates the data directory, `admin.token` in it, and a connection for your user, so
that `ostro deploy` works from any directory. Ctrl-C stops the server after the running
requests and jobs.")]
pub(crate) struct ServeArgs {
    /// Directory for the state [default: ./.ostro]
    #[arg(long, env = "OSTRO_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address for functions [default: 127.0.0.1:8700]
    #[arg(long, env = "OSTRO_LISTEN", value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// Address for the control API [default: 127.0.0.1:8701]
    #[arg(long, env = "OSTRO_ADMIN", value_name = "ADDRESS:PORT")]
    pub(crate) admin: Option<String>,
    /// Name that clients may call the control API by, besides addresses and localhost; may be repeated
    #[arg(long = "admin-host", env = "OSTRO_ADMIN_HOSTS", value_name = "NAME", value_delimiter = ',')]
    pub(crate) admin_hosts: Vec<String>,
    /// Functions answer at NAME.DOMAIN [default: localhost]
    #[arg(long, env = "OSTRO_DOMAIN")]
    pub(crate) domain: Option<String>,
    /// Configuration file
    #[arg(long, env = "OSTRO_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File with the key that seals the secrets, when OSTRO_MASTER_KEY is not set; created when missing
    /// [default: ~/.config/ostro/master.key]
    #[arg(long, env = "OSTRO_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Threads that run functions [default: one for each processor]
    #[arg(long, env = "OSTRO_EXECUTORS", value_name = "N")]
    pub(crate) executors: Option<usize>,
    /// Address of a proxy whose forwarding headers are believed; may be repeated
    #[arg(
        long = "trusted-proxy",
        env = "OSTRO_TRUSTED_PROXIES",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    pub(crate) trusted_proxies: Vec<String>,
    /// How much to log: error, warn, info, debug or trace; also for parts, as in `info,runtime=debug`
    #[arg(long, env = "OSTRO_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Form of the log
    #[arg(long, env = "OSTRO_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Memory for all instances together, such as 4GiB [default: half of the machine's]
    #[arg(long, env = "OSTRO_MAX_MEMORY", value_name = "SIZE")]
    pub(crate) max_memory: Option<String>,
    /// Instances at once in the whole process [default: 1000]
    #[arg(long, env = "OSTRO_MAX_INSTANCES", value_name = "N")]
    pub(crate) max_instances: Option<u32>,
    /// Requests a second that one project may receive [default: no limit]
    #[arg(long, env = "OSTRO_PROJECT_RATE", value_name = "N")]
    pub(crate) project_rate: Option<u32>,
    /// What the objects of one project may hold, such as 10GiB [default: 1GiB]
    #[arg(long, env = "OSTRO_OBJECT_QUOTA", value_name = "SIZE")]
    pub(crate) object_quota: Option<String>,
    /// Mail server for the mails of `[auth.mail]`: smtps://HOST, smtp+starttls://HOST or smtp://HOST; its password
    /// is OSTRO_SMTP_PASSWORD [default: none]
    #[arg(long, env = "OSTRO_SMTP", value_name = "URL")]
    pub(crate) smtp: Option<String>,
    /// Name to sign in to the mail server with
    #[arg(long, env = "OSTRO_SMTP_USER", value_name = "NAME")]
    pub(crate) smtp_user: Option<String>,
    /// Who mails are from, such as `Shop <no-reply@example.com>`
    #[arg(long, env = "OSTRO_MAIL_FROM", value_name = "ADDRESS")]
    pub(crate) mail_from: Option<String>,
    /// Longest wait for the head of a request [default: 15s]
    #[arg(long, env = "OSTRO_HEADER_TIMEOUT", value_name = "TIME")]
    pub(crate) header_timeout: Option<String>,
    /// Longest wait for running requests and jobs when the server stops [default: 30s]
    #[arg(long, env = "OSTRO_DRAIN_TIMEOUT", value_name = "TIME")]
    pub(crate) drain_timeout: Option<String>,
}

/// Form of the server's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
