//! Grants: what a function may use. Everything that is not granted is refused.

mod data;
mod origin;
mod users;

use std::collections::BTreeSet;

use store::catalog::check_name;
use store::realtime::channels::check_channel;

use self::data::DataGrants;
pub use self::data::{Data, Verb, Verbs, data_grant};
use self::origin::OriginGrant;
pub use self::origin::{Host, Origin, Scheme};
pub use self::users::{UserVerb, users_grant};
use crate::error::GrantError;

/// The most grants that a function may have.
const MOST_GRANTS: usize = 256;

/// The longest grant, bytes.
const LONGEST_GRANT_BYTES: usize = 512;

/// The longest name of a secret, bytes.
const LONGEST_SECRET_NAME_BYTES: usize = 64;

/// The kinds that work, for hints.
const KINDS: &str = "`http:ORIGIN`, `secret:NAME`, `queue:NAME:send`, `channel:NAME:send`, `function:NAME`, `users:sign-in`, `users:read`, `users:write`, and `collection:NAME`, `bucket:NAME`, `kv:NAME` and `sql:NAME`, \
    each also with `:read` or `:write`";

/// A function's grants, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    origins: Vec<OriginGrant>,
    secrets: BTreeSet<String>,
    queues: BTreeSet<String>,
    channels: BTreeSet<String>,
    functions: BTreeSet<String>,
    users: BTreeSet<UserVerb>,
    data: DataGrants,
}

impl Grants {
    /// Parses the grants of a manifest. The first bad one is the error.
    pub fn parse<S: AsRef<str>>(grants: &[S]) -> Result<Self, GrantError> {
        if let Some(one_too_many) = grants.get(MOST_GRANTS) {
            return Err(error(
                one_too_many.as_ref(),
                format!("a function has at most {MOST_GRANTS} grants"),
                "remove some",
            ));
        }
        let mut parsed = Self::default();
        for grant in grants {
            parsed.add(grant.as_ref())?;
        }
        Ok(parsed)
    }

    /// Whether the function may call this origin. An address is only ever granted as that address.
    pub fn allows_origin(&self, origin: &Origin) -> bool {
        self.origins.iter().any(|grant| grant.covers(origin))
    }

    /// Whether the function may read this secret.
    pub fn allows_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// Whether the function may send to this queue.
    pub fn allows_send(&self, queue: &str) -> bool {
        self.queues.contains(queue)
    }

    /// Whether the function may send to the channels that are declared under that name: `rooms/*`.
    pub fn allows_channel(&self, declared: &str) -> bool {
        self.channels.contains(declared)
    }

    /// Whether the function may call this function of its project.
    pub fn allows_call(&self, function: &str) -> bool {
        self.functions.contains(function)
    }

    /// Whether the function may do that with the project's accounts.
    pub fn allows_users(&self, verb: UserVerb) -> bool {
        self.users.contains(&verb)
    }

    /// What the function may do with that collection, bucket, namespace or database; none: it may not open it.
    pub fn data(&self, data: Data, name: &str) -> Option<Verbs> {
        self.data.of(data, name)
    }

    /// The data of that kind that the function may open, in order.
    pub fn data_names(&self, data: Data) -> impl Iterator<Item = &str> {
        self.data.names(data)
    }

    /// The functions that the function may call, in order. Not all of them need exist.
    pub fn function_names(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(String::as_str)
    }

    /// The queues that the function may send to, in order.
    pub fn queue_names(&self) -> impl Iterator<Item = &str> {
        self.queues.iter().map(String::as_str)
    }

    /// The names of the secrets that the function may read, in order. Not all of them need exist.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    fn add(&mut self, grant: &str) -> Result<(), GrantError> {
        if grant.len() > LONGEST_GRANT_BYTES {
            return Err(error(grant, format!("longer than {LONGEST_GRANT_BYTES} bytes"), "shorten it"));
        }
        let (kind, rest) = grant.split_once(':').unwrap_or((grant, ""));
        match kind {
            "http" => {
                let origin =
                    OriginGrant::parse(rest).map_err(|fault| error(grant, fault.reason, fault.hint))?;
                if !self.origins.contains(&origin) {
                    self.origins.push(origin);
                }
            }
            "secret" => {
                check_secret_name(rest).map_err(|reason| {
                    error(grant, reason, "write it as `secret:NAME`, such as `secret:API_KEY`")
                })?;
                self.secrets.insert(rest.to_owned());
            }
            "queue" => {
                let queue = sent_queue(rest).map_err(|reason| {
                    error(grant, reason, "write it as `queue:NAME:send`, such as `queue:mail:send`")
                })?;
                self.queues.insert(queue.to_owned());
            }
            "channel" => {
                let channel = sent_channel(rest).map_err(|reason| {
                    error(grant, reason, "write it as `channel:NAME:send`, such as `channel:news:send` or `channel:rooms/*:send`")
                })?;
                self.channels.insert(channel.to_owned());
            }
            "function" => {
                check_name(rest).map_err(|reason| {
                    error(grant, reason, "write it as `function:NAME`, such as `function:thumbnail`")
                })?;
                self.functions.insert(rest.to_owned());
            }
            "users" => {
                let verbs = users::parse(rest).map_err(|reason| {
                    error(grant, reason, "write `users:sign-in`, `users:read`, `users:write`, or several as `users:read,write`")
                })?;
                self.users.extend(verbs);
            }
            _ => {
                let Some(data) = Data::named(kind) else {
                    return Err(error(grant, "no such kind of grant", format!("the kinds are {KINDS}")));
                };
                self.data.add(data, rest).map_err(|reason| {
                    let hint = format!(
                        "write it as `{kind}:NAME`, or for less `{kind}:NAME:read` or `{kind}:NAME:write`"
                    );
                    error(grant, reason, hint)
                })?;
            }
        }
        Ok(())
    }
}

/// Whether that text can be the name of a secret: 1 to 64 of `A`–`Z`, `a`–`z`, `0`–`9`, `_`, `-` and `.`.
/// The error says what is wrong.
pub fn check_secret_name(name: &str) -> Result<(), &'static str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() {
        Err("the name of the secret is missing")
    } else if name.len() > LONGEST_SECRET_NAME_BYTES {
        Err("the name of a secret has at most 64 characters")
    } else if !name.bytes().all(known) {
        Err("the name of a secret has only letters, digits, `_`, `-` and `.`")
    } else {
        Ok(())
    }
}

/// The grant that allows a secret. A name that the guest made up is shortened.
pub(crate) fn secret_grant(name: &str) -> String {
    format!("secret:{}", shortened(name))
}

/// The grant that allows sending to a queue. A name that the guest made up is shortened.
pub fn send_grant(queue: &str) -> String {
    format!("queue:{}:send", shortened(queue))
}

/// The grant that allows sending to the channels that are declared under that name.
pub(crate) fn channel_grant(declared: &str) -> String {
    format!("channel:{}:send", shortened(declared))
}

/// The grant that allows calling a function. A name that the guest made up is shortened.
pub fn call_grant(function: &str) -> String {
    format!("function:{}", shortened(function))
}

/// The queue of `NAME:send`.
fn sent_queue(text: &str) -> Result<&str, &'static str> {
    match text.split_once(':') {
        Some((name, "send")) => check_name(name).map(|()| name),
        Some(_) => Err("a queue is granted for `send` and for nothing else"),
        None => Err("it does not say what for"),
    }
}

/// The channel of `NAME:send`.
fn sent_channel(text: &str) -> Result<&str, &'static str> {
    match text.split_once(':') {
        Some((name, "send")) => check_channel(name).map(|()| name),
        Some(_) => Err("a channel is granted for `send` and for nothing else"),
        None => Err("it does not say what for"),
    }
}

fn error(grant: &str, reason: impl Into<String>, hint: impl Into<String>) -> GrantError {
    GrantError { grant: shortened(grant), reason: reason.into(), hint: hint.into() }
}

/// A text that a guest made up, at a length that others may be shown.
pub(crate) fn shortened(text: &str) -> String {
    const MOST_BYTES: usize = 128;
    match text.get(..text.floor_char_boundary(MOST_BYTES)) {
        Some(start) if start.len() < text.len() => format!("{start}…"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
