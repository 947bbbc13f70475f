//! `ostro user`: list, show, create, roles, disable, enable, sign-out, unlink, delete.

use runtime::control::wire::{MAX_USERS, NewUser, UserChange, UserDetail, UserList, UserPassword, UserView};

use super::{Context, Session, secret};
use crate::{
    args::{UserCommand, UserCreateArgs, UserListArgs},
    failure::Failure,
    output::{Table, escape, units},
};

/// `ostro user`.
pub(super) fn run(context: &Context, command: &UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::List(args) => list(context, args),
        UserCommand::Show(args) => show(context, &args.user),
        UserCommand::Create(args) => create(context, args),
        UserCommand::Roles { user, roles } => {
            let change = UserChange { roles: Some(roles.clone()), ..UserChange::default() };
            change_user(context, &user.user, &change)
        }
        UserCommand::Disable(args) => set_disabled(context, &args.user, true),
        UserCommand::Enable(args) => set_disabled(context, &args.user, false),
        UserCommand::SignOut(args) => sign_out(context, &args.user),
        UserCommand::Unlink { user, provider, subject } => unlink(context, &user.user, provider, subject),
        UserCommand::Delete { user, yes } => delete(context, &user.user, *yes),
    }
}

fn list(context: &Context, args: &UserListArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let list = pages(&session, args)?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["ID", "EMAIL", "ROLES", "STATE", "CREATED"]);
        for user in &list.users {
            table.row([
                user.id.to_string(),
                user.email.clone().unwrap_or_default(),
                user.roles.join(","),
                state(user),
                units::time_to_second(user.created_ms),
            ]);
        }
        let empty = match &args.prefix {
            Some(prefix) => format!("no user whose address begins with `{prefix}`"),
            None => format!("no users of project {} yet", session.project),
        };
        context.out.table(&table, &empty)?;
        if list.next.is_some() {
            context
                .out
                .word(&format!("the first {}, and there are more: --limit N, or --all", list.users.len()));
        }
        Ok(())
    })
}

/// Users of as many pages as it takes.
fn pages(session: &Session, args: &UserListArgs) -> Result<UserList, Failure> {
    let path = session.path(&["users"]);
    let most = if args.all { usize::MAX } else { args.limit as usize };
    let mut users: Vec<UserView> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let limit = most.saturating_sub(users.len()).min(MAX_USERS as usize);
        let mut query = vec![("limit", limit.to_string())];
        query.extend(args.prefix.clone().map(|prefix| ("email", prefix)));
        query.extend(next.take().map(|after| ("after", after)));
        let mut page: UserList = session.client.get(&path, &query)?;
        users.append(&mut page.users);
        next = page.next;
        if next.is_none() || users.len() >= most {
            return Ok(UserList { users, next });
        }
    }
}

fn show(context: &Context, user: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let detail: UserDetail = session.client.get(&session.path(&["users", user]), &[])?;
    context.out.show(&detail, |detail| context.out.data(describe(detail).as_bytes()))
}

/// A fact a line.
fn describe(detail: &UserDetail) -> String {
    let UserDetail { user, identities, sessions, used_ms } = detail;
    let used = used_ms.map(|used| format!(", used last at {}", units::time_to_second(used)));
    let mut facts = vec![
        ("id", user.id.to_string()),
        ("email", user.email.clone().unwrap_or_else(|| "none".to_owned())),
        ("state", state(user)),
        ("password", if user.password { "set" } else { "none" }.to_owned()),
        ("roles", if user.roles.is_empty() { "none".to_owned() } else { user.roles.join(", ") }),
        ("sessions", format!("{sessions}{}", used.unwrap_or_default())),
        ("created", units::time_to_second(user.created_ms)),
    ];
    facts.extend(identities.iter().map(|who| ("identity", format!("{} of {}", who.subject, who.provider))));
    facts.iter().map(|(name, fact)| format!("{name:<12}{}\n", escape(fact))).collect()
}

fn create(context: &Context, args: &UserCreateArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let password = match args.invite {
        true => None,
        false => Some(UserPassword(secret::from_input(context, "password")?)),
    };
    let new = NewUser { email: args.email.clone(), password, invite: args.invite, roles: args.roles.clone() };
    let made: UserView = session.client.post(&session.path(&["users"]), &new)?;
    let how = if args.invite { "invited" } else { "created" };
    said(context, &made, &format!("{how} user {} of project {}", made.id, session.project))
}

fn set_disabled(context: &Context, user: &str, disabled: bool) -> Result<(), Failure> {
    change_user(context, user, &UserChange { disabled: Some(disabled), ..UserChange::default() })
}

fn change_user(context: &Context, user: &str, change: &UserChange) -> Result<(), Failure> {
    let session = context.session()?;
    let now: UserView = session.client.patch(&session.path(&["users", user]), change)?;
    let what = match (change.disabled, now.roles.as_slice()) {
        (Some(true), _) => "may not sign in any more, and has no session".to_owned(),
        (Some(false), _) => "may sign in again".to_owned(),
        (None, []) => "has no roles from the next refresh on".to_owned(),
        (None, roles) => format!("has the roles {} from the next refresh on", roles.join(", ")),
    };
    said(context, &now, &format!("{user} {what}"))
}

fn sign_out(context: &Context, user: &str) -> Result<(), Failure> {
    let session = context.session()?;
    session.client.delete(&session.path(&["users", user, "sessions"]))?;
    context.out.word(&format!("all sessions of {user} have ended"));
    Ok(())
}

fn unlink(context: &Context, user: &str, provider: &str, subject: &str) -> Result<(), Failure> {
    let session = context.session()?;
    session.client.delete(&session.path(&["users", user, "identities", provider, subject]))?;
    context.out.word(&format!("{user} is no longer {subject} of {provider}"));
    Ok(())
}

fn delete(context: &Context, user: &str, yes: bool) -> Result<(), Failure> {
    let session = context.session()?;
    if !yes {
        context.confirm(&format!("this deletes user {user} of project {}", session.project), user)?;
    }
    session.client.delete(&session.path(&["users", user]))?;
    context.out.word(&format!("deleted user {user} of project {}", session.project));
    Ok(())
}

/// The user for programs, a sentence for people.
fn said(context: &Context, user: &UserView, words: &str) -> Result<(), Failure> {
    context.out.show(user, |_| {
        context.out.word(words);
        Ok(())
    })
}

/// What matters of a user in a word.
fn state(user: &UserView) -> String {
    let state = match user {
        UserView { disabled: true, .. } => "disabled",
        UserView { anonymous: true, .. } => "anonymous",
        UserView { verified: true, .. } => "verified",
        _ => "unverified",
    };
    state.to_owned()
}
