//! `ostro secret`: set, list, delete. Values go to the server and never come back.

use std::io::{self, IsTerminal as _, Read};

use runtime::control::wire::{NewSecret, SecretList};

use super::Context;
use crate::{
    args::{SecretCommand, SecretSetArgs},
    failure::Failure,
    output::{Table, units},
};

/// Longest value, bytes.
const MAX_BYTES: u64 = 64 << 10;

/// `ostro secret`.
pub(super) fn run(context: &Context, command: &SecretCommand) -> Result<(), Failure> {
    match command {
        SecretCommand::Set(args) => set(context, args),
        SecretCommand::List => list(context),
        SecretCommand::Delete { name } => delete(context, name),
    }
}

fn set(context: &Context, args: &SecretSetArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let value = value(context, args)?;
    session.client.put(&session.path(&["secrets", &args.name]), &NewSecret { value })?;
    context.out.word(&format!("set secret {} of project {}", args.name, session.project));
    Ok(())
}

fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let list: SecretList = session.client.get(&session.path(&["secrets"]), &[])?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["NAME", "UPDATED"]);
        for secret in &list.secrets {
            table.row([secret.name.clone(), units::time_to_second(secret.updated_ms)]);
        }
        context.out.table(&table, "no secrets yet: `ostro secret set NAME` reads one from standard input")
    })
}

fn delete(context: &Context, name: &str) -> Result<(), Failure> {
    let session = context.session()?;
    session.client.delete(&session.path(&["secrets", name]))?;
    context.out.word(&format!("deleted secret {name} of project {}", session.project));
    Ok(())
}

fn value(context: &Context, args: &SecretSetArgs) -> Result<String, Failure> {
    match (&args.value, &args.from_file) {
        (Some(value), _) => {
            context.out.warn("the value is now in your shell's history; standard input leaves no trace");
            Ok(value.clone())
        }
        (None, Some(path)) => {
            let what = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|error| Failure::io(&what, &error))?;
            read(&what, file)
        }
        (None, None) => from_input(context, "value"),
    }
}

/// What must not stand in a command line, from standard input; one line break at its end is not meant.
pub(super) fn from_input(context: &Context, what: &str) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        context.out.word(&format!("type the {what}, then Ctrl-D on a line of its own"));
    }
    read("standard input", io::stdin().lock()).map(without_line_break)
}

fn read(what: &str, reader: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(what, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::local(format!("{what} is larger than {} KiB", MAX_BYTES >> 10)));
    }
    String::from_utf8(bytes).map_err(|_| {
        Failure::local(format!("{what} is not UTF-8 text")).hint("encode it, for example with `base64`")
    })
}

/// `echo` and editors add a line break that is not meant.
fn without_line_break(mut value: String) -> String {
    let length =
        value.strip_suffix("\r\n").or_else(|| value.strip_suffix('\n')).map_or(value.len(), str::len);
    value.truncate(length);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_is_dropped() {
        for (given, kept) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("\n", "")] {
            assert_eq!(without_line_break(given.to_owned()), kept);
        }
    }

    #[test]
    fn values_are_limited_text() {
        let limit = usize::try_from(MAX_BYTES).unwrap();
        assert_eq!(read("x", vec![b'a'; limit].as_slice()).unwrap().len(), limit);
        assert!(read("x", vec![b'a'; limit + 1].as_slice()).is_err());
        assert!(read("x", &b"\xff"[..]).is_err());
    }
}
