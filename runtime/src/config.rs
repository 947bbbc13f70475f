//! What the server was told: flags, environment and a file, and what that means.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use store::{KeySource, Quotas};

use crate::accounts::mails::relay::Relay;
use crate::problem::Problem;
use crate::registry::manifest::units;
use crate::sys;

/// What was typed. Flags and environment variables arrive here through the command line's parser; the file
/// named by `config` fills what they leave open.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flags {
    /// Data directory.
    pub data: Option<PathBuf>,
    /// Address of the data plane.
    pub listen: Option<String>,
    /// Address of the control plane.
    pub admin: Option<String>,
    /// Domain whose sub-domains are functions and projects.
    pub domain: Option<String>,
    /// A TOML file with these same names.
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// File with the key that seals secrets; created when it is missing.
    pub key_file: Option<PathBuf>,
    /// The key itself; takes the place of the file. Only from the environment.
    #[serde(skip)]
    pub master_key: Option<String>,
    /// Executors; default: one per core.
    pub executors: Option<usize>,
    /// Addresses of proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<String>,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or levels of parts.
    pub log: Option<String>,
    /// Memory of all instances together, such as `4GiB`; default: half of the machine's.
    pub max_memory: Option<String>,
    /// Instances at once in the whole process.
    pub max_instances: Option<u32>,
    /// Requests a second of one project; default: no limit.
    pub project_rate: Option<u32>,
    /// What the objects of one project may hold, such as `10GiB`; default: 1 GiB.
    pub object_quota: Option<String>,
    /// The server that takes mails, such as `smtps://mail.example.com`; default: none, and no mails are sent.
    pub smtp: Option<String>,
    /// As whom to sign in there.
    pub smtp_user: Option<String>,
    /// The password for that. Only from the environment.
    #[serde(skip)]
    pub smtp_password: Option<String>,
    /// Who mails are from, such as `Shop <no-reply@example.com>`.
    pub mail_from: Option<String>,
    /// Names, besides addresses and `localhost`, by which clients may reach the control plane.
    pub admin_hosts: Vec<String>,
    /// Longest wait for a request's head, such as `15s`.
    pub header_timeout: Option<String>,
    /// Longest wait for requests in flight at the end, such as `30s`.
    pub drain_timeout: Option<String>,
}

/// What was meant.
#[derive(Debug)]
pub struct Config {
    /// Data directory.
    pub data: PathBuf,
    /// Address of the data plane; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address of the control plane; port 0 takes a free one.
    pub admin: SocketAddr,
    /// Domain whose sub-domains are functions and projects.
    pub domain: Option<String>,
    /// Where the key that seals secrets comes from.
    pub key: KeySource,
    /// Executors.
    pub executors: usize,
    /// Addresses of proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// What is logged, as it was typed: whoever starts the log reads it, before anything else is started.
    pub log: Option<String>,
    /// Memory of all instances together, bytes.
    pub max_memory_bytes: u64,
    /// Instances at once in the whole process.
    pub max_instances: u32,
    /// Requests a second of one project.
    pub project_rate: Option<NonZeroU32>,
    /// What a project may hold.
    pub quotas: Quotas,
    /// The server that takes mails; none: no mails are sent.
    pub relay: Option<Relay>,
    /// Names, besides addresses and `localhost`, by which clients may reach the control plane.
    pub admin_hosts: Vec<String>,
    /// Longest wait for a request's head.
    pub head_time: Duration,
    /// Longest wait for requests and jobs in flight at the end.
    pub drain_time: Duration,
    /// File that turns the wall clock: for tests, and only from the environment.
    pub test_clock: Option<PathBuf>,
}

const DEFAULT_LISTEN: &str = "127.0.0.1:8700";
const DEFAULT_ADMIN: &str = "127.0.0.1:8701";
const DEFAULT_INSTANCES: u32 = 1_000;
const DEFAULT_HEAD_TIME: Duration = Duration::from_secs(15);
const DEFAULT_DRAIN_TIME: Duration = Duration::from_secs(30);
/// Names the file that [`crate::clock::Clock::of_file`] reads.
const TEST_CLOCK: &str = "OSTRO_TEST_CLOCK";

impl Config {
    /// Reads the file, if one is named, and says what is wrong with what was typed.
    pub fn new(flags: Flags) -> Result<Self, Problem> {
        let flags = match &flags.config {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| wrong(format!("can't read {}: {error}", path.display())))?;
                let file = toml::from_str(&text)
                    .map_err(|error: toml::de::Error| wrong(format!("{}: {error}", path.display())))?;
                flags.or(file)
            }
            None => flags,
        };
        let key = match (flags.master_key, flags.key_file) {
            (Some(text), _) => KeySource::Text(text),
            (None, Some(path)) => KeySource::File(path),
            (None, None) => KeySource::File(default_key_file()?),
        };
        Ok(Self {
            data: flags.data.unwrap_or_else(|| PathBuf::from(".ostro")),
            listen: address("listen", flags.listen.as_deref().unwrap_or(DEFAULT_LISTEN))?,
            admin: address("admin", flags.admin.as_deref().unwrap_or(DEFAULT_ADMIN))?,
            domain: flags.domain.map(|domain| check_domain(&domain)).transpose()?,
            key,
            executors: match flags.executors {
                Some(0) => return Err(wrong("`executors` must be at least 1".to_owned())),
                Some(count) => count,
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            trusted_proxies: flags
                .trusted_proxies
                .iter()
                .map(|text| {
                    text.parse().map_err(|_| wrong(format!("`trusted-proxies`: {text} is not an IP address")))
                })
                .collect::<Result<_, _>>()?,
            log: flags.log,
            max_memory_bytes: match &flags.max_memory {
                Some(text) => {
                    units::bytes(text).map_err(|reason| wrong(format!("`max-memory`: {reason}")))?
                }
                None => sys::memory_bytes() / 2,
            },
            max_instances: flags.max_instances.unwrap_or(DEFAULT_INSTANCES),
            project_rate: flags.project_rate.and_then(NonZeroU32::new),
            quotas: quotas(flags.object_quota.as_deref())?,
            head_time: duration("header-timeout", flags.header_timeout.as_deref(), DEFAULT_HEAD_TIME)?,
            drain_time: duration("drain-timeout", flags.drain_timeout.as_deref(), DEFAULT_DRAIN_TIME)?,
            relay: match flags.smtp {
                Some(url) => {
                    Some(relay(&url, (flags.smtp_user, flags.smtp_password), flags.mail_from.as_deref())?)
                }
                None => None,
            },
            admin_hosts: flags.admin_hosts,
            test_clock: variable(TEST_CLOCK).map(PathBuf::from),
        })
    }
}

impl Flags {
    /// What is open here is taken from there.
    fn or(self, file: Self) -> Self {
        Self {
            data: self.data.or(file.data),
            listen: self.listen.or(file.listen),
            admin: self.admin.or(file.admin),
            domain: self.domain.or(file.domain),
            config: None,
            key_file: self.key_file.or(file.key_file),
            master_key: self.master_key,
            executors: self.executors.or(file.executors),
            trusted_proxies: some_or(self.trusted_proxies, file.trusted_proxies),
            log: self.log.or(file.log),
            max_memory: self.max_memory.or(file.max_memory),
            max_instances: self.max_instances.or(file.max_instances),
            project_rate: self.project_rate.or(file.project_rate),
            object_quota: self.object_quota.or(file.object_quota),
            smtp: self.smtp.or(file.smtp),
            smtp_user: self.smtp_user.or(file.smtp_user),
            smtp_password: self.smtp_password,
            mail_from: self.mail_from.or(file.mail_from),
            admin_hosts: some_or(self.admin_hosts, file.admin_hosts),
            header_timeout: self.header_timeout.or(file.header_timeout),
            drain_timeout: self.drain_timeout.or(file.drain_timeout),
        }
    }
}

fn quotas(objects: Option<&str>) -> Result<Quotas, Problem> {
    match objects.map(units::bytes).transpose() {
        Ok(Some(object_bytes)) => Ok(Quotas { object_bytes }),
        Ok(None) => Ok(Quotas::default()),
        Err(reason) => Err(wrong(format!("`object-quota`: {reason}"))),
    }
}

fn relay(url: &str, login: (Option<String>, Option<String>), from: Option<&str>) -> Result<Relay, Problem> {
    let login = match login {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => {
            return Err(
                wrong("`smtp-user`: there is no password for it".to_owned()).hint("set OSTRO_SMTP_PASSWORD")
            );
        }
        (None, Some(_)) => {
            return Err(wrong("OSTRO_SMTP_PASSWORD: there is no `smtp-user` that it is of".to_owned()));
        }
    };
    Relay::parse(url, login, from).map_err(wrong)
}

/// The list if it has anything, else the other one.
fn some_or(list: Vec<String>, other: Vec<String>) -> Vec<String> {
    if list.is_empty() { other } else { list }
}

/// An environment variable that is set to something.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `$XDG_CONFIG_HOME/ostro/master.key`, or under `~/.config`: outside the data directory, so that a copy of the
/// data alone opens no secret.
fn default_key_file() -> Result<PathBuf, Problem> {
    let configured = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = configured.or_else(home).ok_or_else(|| {
        wrong("there is no home folder to keep the master key in".to_owned())
            .hint("set OSTRO_MASTER_KEY, or name a file outside the data directory with --key-file")
    })?;
    Ok(folder.join("ostro").join("master.key"))
}

fn address(name: &str, text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        wrong(format!("`{name}`: {text} is not an address"))
            .hint("write ADDRESS:PORT, such as 127.0.0.1:8700")
    })
}

fn duration(name: &str, text: Option<&str>, default: Duration) -> Result<Duration, Problem> {
    match text {
        None => Ok(default),
        Some(text) => units::millis(text)
            .map(Duration::from_millis)
            .map_err(|reason| wrong(format!("`{name}`: {reason}"))),
    }
}

fn check_domain(text: &str) -> Result<String, Problem> {
    let domain = text.trim_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if domain.is_empty() || domain.len() > 200 || !domain.split('.').all(label) {
        return Err(wrong(format!("`domain`: {text} is not a domain name")));
    }
    Ok(domain)
}

fn wrong(message: String) -> Problem {
    Problem::new(400, "config", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ostro.toml");
        let text = "listen = '127.0.0.1:1'\nadmin = '127.0.0.1:2'\nheader-timeout = '3s'\nlog = 'warn'\n";
        std::fs::write(&file, text).unwrap();
        let flags = Flags {
            config: Some(file),
            listen: Some("127.0.0.1:9".into()),
            key_file: Some("key".into()),
            ..Flags::default()
        };
        let louder = Flags { log: Some("debug".into()), ..flags.clone() };
        assert_eq!(Config::new(louder).unwrap().log.as_deref(), Some("debug"));
        let config = Config::new(flags).unwrap();
        assert_eq!(config.log.as_deref(), Some("warn"));
        assert_eq!(config.listen.port(), 9);
        assert_eq!(config.admin.port(), 2);
        assert_eq!(config.head_time, Duration::from_secs(3));
        assert_eq!(config.drain_time, DEFAULT_DRAIN_TIME);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (flags, part) in [
            (Flags { listen: Some("here".into()), ..Flags::default() }, "`listen`"),
            (Flags { executors: Some(0), ..Flags::default() }, "`executors`"),
            (Flags { domain: Some("a..b".into()), ..Flags::default() }, "`domain`"),
            (Flags { max_memory: Some("lots".into()), ..Flags::default() }, "`max-memory`"),
            (Flags { object_quota: Some("lots".into()), ..Flags::default() }, "`object-quota`"),
            (Flags { smtp: Some("mail.example.com".into()), ..Flags::default() }, "`smtp`"),
            (
                Flags { smtp: Some("smtps://a.b".into()), smtp_user: Some("me".into()), ..Flags::default() },
                "`smtp-user`",
            ),
            (Flags { smtp: Some("smtps://a.b".into()), ..Flags::default() }, "`mail-from`"),
            (Flags { trusted_proxies: vec!["proxy".into()], ..Flags::default() }, "`trusted-proxies`"),
        ] {
            let flags = Flags { key_file: Some("key".into()), ..flags };
            let problem = Config::new(flags).unwrap_err();
            assert!(problem.message.contains(part), "{problem}");
        }
    }
}
