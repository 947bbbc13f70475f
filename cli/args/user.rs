//! Options of `ostro user`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

/// `ostro user`.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List users, the newest first, or by e-mail address
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  ostro user list                        the newest 100
  ostro user list ann                    those whose address begins with `ann`, by address
  ostro user list --all --json | jq -r '.users[].email'"
    )]
    List(UserListArgs),
    /// Show one user: address, roles, sessions, who it is elsewhere
    Show(UserArgs),
    /// Make a user; the password is read from standard input unless the user is invited
    #[command(after_help = "Examples:
  ostro user create ann@example.com < password.txt
  pass show ann | ostro user create ann@example.com --role editor
  ostro user create bob@example.com --invite

One line break at the end of standard input is dropped. A user who is invited gets a mail and sets the
password; `mail` in the section [auth] of ostro.toml says who sends it.")]
    Create(UserCreateArgs),
    /// Set the roles of a user: these and no others
    #[command(after_help = "Examples:
  ostro user roles ann@example.com editor admin
  ostro user roles ann@example.com           takes all roles away

Access tokens have the roles of their last refresh: a change is seen after 15 minutes at most, or as
`access` in the section [auth] says. `ostro user sign-out` has it seen at the next sign-in.")]
    Roles {
        #[command(flatten)]
        user: UserArgs,
        /// What the user may do from now on
        #[arg(value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
        roles: Vec<String>,
    },
    /// Keep a user from signing in, and end all sessions
    Disable(UserArgs),
    /// Let a user sign in again
    Enable(UserArgs),
    /// End all sessions of a user, who may sign in again
    SignOut(UserArgs),
    /// Take away who a user is elsewhere and end all sessions, unless it is the last way in; see `ostro user show`
    Unlink {
        #[command(flatten)]
        user: UserArgs,
        /// The place, such as the URL of an issuer
        #[arg(value_name = "PROVIDER", value_parser = NonEmptyStringValueParser::new())]
        provider: String,
        /// Who the user is there
        #[arg(value_name = "SUBJECT", value_parser = NonEmptyStringValueParser::new())]
        subject: String,
    },
    /// Delete a user; what it has made in collections and buckets stays
    Delete {
        #[command(flatten)]
        user: UserArgs,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// One user.
#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// E-mail address or id of the user
    #[arg(value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: String,
}

/// `ostro user list`.
#[derive(Debug, Args)]
pub(crate) struct UserListArgs {
    /// Only users whose e-mail address begins so
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// All of them, however many there are
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

/// `ostro user create`.
#[derive(Debug, Args)]
pub(crate) struct UserCreateArgs {
    /// E-mail address of the user
    #[arg(value_name = "EMAIL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) email: String,
    /// Have a mail sent by which the user sets a password, instead of reading one
    #[arg(long)]
    pub(crate) invite: bool,
    /// What the user may do; may be repeated
    #[arg(long = "role", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) roles: Vec<String>,
}
