//! `ostro new`: a project that can be deployed, from a template in this program.

mod templates;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use runtime::registry::settings::check_name;
use serde_json::json;

use self::templates::File;
use super::Context;
use crate::{
    args::{Lang, NewArgs},
    failure::Failure,
};

/// `ostro new`.
pub(super) fn run(context: &Context, args: &NewArgs) -> Result<(), Failure> {
    check(&args.name, args.lang)?;
    let folder = Path::new(&args.name);
    make_empty(folder)?;
    let files = templates::files(args.lang, &args.name);
    files.iter().try_for_each(|file| write(folder, file))?;
    let names: Vec<&str> = files.iter().map(|file| file.name).collect();
    context.out.show(&json!({ "created": args.name, "files": names }), |_| {
        names.iter().try_for_each(|name| context.out.line(&format!("{}/{name}", args.name)))
    })?;
    next_steps(&args.name, args.lang).iter().for_each(|step| context.out.word(step));
    Ok(())
}

/// Refuses a name that a function, or a crate, can't have.
fn check(name: &str, lang: Lang) -> Result<(), Failure> {
    let wrong = |reason: &str| {
        let failure = Failure::usage(format!("`{name}` can't be the name: {reason}"));
        match suggestion(name) {
            Some(better) if better != name => failure.hint(format!("`ostro new {better}`")),
            _ => failure.hint("such as `ostro new shop`"),
        }
    };
    check_name(name).map_err(wrong)?;
    match (lang, name.as_bytes().first()) {
        (Lang::Rust, Some(b'0'..=b'9')) => Err(wrong("a Rust package does not begin with a digit")),
        _ => Ok(()),
    }
}

/// The nearest name that would do.
fn suggestion(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let better: String = words.join("-").trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').into();
    check_name(&better).is_ok().then_some(better)
}

/// Makes the folder; one that is there already has to be empty, since nothing is ever overwritten.
fn make_empty(folder: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::io(folder.display(), &error);
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        done => return done.map_err(failed),
    }
    if !folder.is_dir() {
        return Err(Failure::local(format!("{} is there already and is no folder", folder.display()))
            .hint("choose another name"));
    }
    match fs::read_dir(folder).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(Failure::local(format!("the folder {} is not empty", folder.display()))
            .hint("choose another name, or empty it first")),
    }
}

fn write(folder: &Path, file: &File) -> Result<(), Failure> {
    let path = folder.join(file.name);
    let written = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(file.text.as_bytes())
    };
    written().map_err(|error| Failure::io(path.display(), &error))
}

fn next_steps(name: &str, lang: Lang) -> Vec<String> {
    let mut steps = vec![format!("Made the project `{name}`. Next:")];
    if lang == Lang::Rust {
        steps.push("  rustup target add wasm32-wasip2     # once".to_owned());
    }
    steps.push(format!("  cd {name} && ostro dev"));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["shop", "my-shop", "a1"] {
            assert!(check(name, Lang::Rust).is_ok(), "{name}");
        }
        assert!(check("2024", Lang::Js).is_ok());
        for (name, hint) in [
            ("My Shop", "`ostro new my-shop`"),
            ("my_shop", "`ostro new my-shop`"),
            ("../shop", "`ostro new shop`"),
            ("-", "such as `ostro new shop`"),
            ("a--b", "`ostro new a-b`"),
            ("2shops", "`ostro new shops`"),
            (&"x".repeat(41), "such as `ostro new shop`"),
        ] {
            let failure = check(name, Lang::Rust).unwrap_err();
            assert!(matches!(failure, Failure::Usage(_)), "{name}");
            assert_eq!(failure.word().unwrap().hint.as_deref(), Some(hint), "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("shop");
        make_empty(&inside).unwrap();
        make_empty(&inside).unwrap();
        let file = File { name: "a/b.txt", text: "x".to_owned() };
        write(&inside, &file).unwrap();
        assert!(write(&inside, &file).is_err());
        assert!(make_empty(&inside).unwrap_err().word().unwrap().message.contains("not empty"));
        assert!(
            make_empty(&inside.join("a/b.txt")).unwrap_err().word().unwrap().message.contains("no folder")
        );
    }
}
