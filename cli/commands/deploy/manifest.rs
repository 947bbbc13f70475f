//! The manifest as the command line reads it: early, and with the place of a fault shown.

use std::{io, path::Path};

use runtime::registry::{
    manifest::{Manifest, ManifestError, parse},
    settings::Ceilings,
};
use serde_json::Value;

use super::plan::{FunctionPlan, Settings};
use crate::failure::Failure;

/// Longest part of a line that is shown, characters.
const WIDTH: usize = 100;

/// Reads and checks a manifest; its text goes to the server as it is.
pub(in crate::commands) fn load(file: &Path) -> Result<(String, Manifest), Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(format!("there is no {}", file.display()))
            .hint("name a .wasm file: `ostro deploy FILE.wasm`, or write an ostro.toml"),
        _ => Failure::io(file.display(), &error),
    })?;
    let manifest = parse(&text, &Ceilings::default()).map_err(|error| refuse(file, &text, error))?;
    Ok((text, manifest))
}

fn refuse(file: &Path, text: &str, error: ManifestError) -> Failure {
    let ManifestError { line, column, message, hint } = error;
    let failure = Failure::local(format!("{}:{line}:{column}: {message}", file.display()))
        .excerpt(excerpt(text, line, column));
    hint.into_iter().fold(failure, Failure::hint)
}

/// Shows the place in the manifest, or in a schedule that was typed, that the server refuses, when it names one.
pub(super) fn locate(failure: Failure, function: &FunctionPlan) -> Failure {
    let detail = failure.word().and_then(|word| word.detail.as_ref());
    let shown = detail.and_then(|detail| match &function.settings {
        Settings::Manifest(text) => Some(excerpt(text, number(detail, "line")?, number(detail, "column")?)),
        Settings::Flags(_) => Some(pointed_at(detail.get("schedule")?.as_str()?, number(detail, "offset")?)),
    });
    match shown {
        Some(shown) => failure.excerpt(shown),
        None => failure,
    }
}

/// Shows the place in a manifest that the server refuses, when it names one.
pub(super) fn locate_in(failure: Failure, text: &str) -> Failure {
    let detail = failure.word().and_then(|word| word.detail.as_ref());
    let shown =
        detail.and_then(|detail| Some(excerpt(text, number(detail, "line")?, number(detail, "column")?)));
    match shown {
        Some(shown) => failure.excerpt(shown),
        None => failure,
    }
}

fn number(detail: &Value, name: &str) -> Option<usize> {
    detail.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
}

/// A schedule with a caret below the byte at fault.
fn pointed_at(schedule: &str, offset: usize) -> String {
    let before = schedule.get(..schedule.floor_char_boundary(offset)).unwrap_or_default();
    format!("  {schedule}\n  {}^\n", " ".repeat(before.chars().count()))
}

/// The line with a caret below the column; both count from 1, columns in characters.
fn excerpt(text: &str, line: usize, column: usize) -> String {
    let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let before = column.saturating_sub(1);
    // A long line is cut so that the fault stays in sight.
    let cut = before.saturating_sub(WIDTH / 2);
    let shown: String =
        shown.chars().skip(cut).take(WIDTH).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(before - cut);
    format!("  {number} | {}\n  {margin} | {indent}^\n", shown.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_is_pointed_at() {
        let text = "manifest = 1\n\trout = [\"/ü\", 7]\n";
        assert_eq!(excerpt(text, 2, 15), "  2 |  rout = [\"/ü\", 7]\n    |               ^\n");
        assert_eq!(excerpt(text, 9, 1), "  9 | \n    | ^\n");
        let long = "x".repeat(300);
        let shown = excerpt(&long, 1, 200);
        let [line, caret] = shown.lines().collect::<Vec<_>>()[..] else { panic!("two lines") };
        assert_eq!(line.chars().count(), 6 + WIDTH);
        assert_eq!(caret.chars().count(), 6 + WIDTH / 2 + 1);
    }

    #[test]
    fn the_fault_of_a_schedule_is_pointed_at() {
        assert_eq!(pointed_at("0 25 * * *", 2), "  0 25 * * *\n    ^\n");
        assert_eq!(pointed_at("ü x", 3), "  ü x\n    ^\n");
        assert_eq!(pointed_at("@dayly", 99), "  @dayly\n        ^\n");
    }

    #[test]
    fn a_bad_manifest_names_file_line_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ostro.toml");
        std::fs::write(&file, "manifest = 1\n\n[function.hello]\nsauce = \"a.wasm\"\n").unwrap();
        let failure = load(&file).unwrap_err();
        let word = failure.word().unwrap();
        assert!(word.message.contains("ostro.toml:4:1: "), "{}", word.message);
        assert_eq!(word.excerpt.as_deref(), Some("  4 | sauce = \"a.wasm\"\n    | ^\n"));
    }
}
