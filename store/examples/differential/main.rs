//! Cases for `cargo xtask differential`: documents and what is asked of them, at random from a seed, with our answers.
//!
//! `differential SEED CASES` writes a case a line: its number, its kind, the query, the documents, and our outcome:
//! `{"ok": …}` or `{"fault": "…"}`.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod answer;
mod invent;

use std::io::Write as _;
use std::process::ExitCode;

use invent::{Invented, Kind};
use store::documents::language::{Object, Value};

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [seed, cases] = numbers.as_slice() else {
        println!("differential SEED CASES");
        return ExitCode::FAILURE;
    };
    let mut invented = Invented::new(*seed);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let kinds = [
        Kind::Filter,
        Kind::Filter,
        Kind::Update,
        Kind::Update,
        Kind::Pipeline,
        Kind::Projection,
        Kind::Sort,
    ];
    for (number, kind) in (0..*cases).zip(kinds.into_iter().cycle()) {
        if writeln!(out, "{}", line(number, kind, &mut invented)).is_err() {
            return ExitCode::FAILURE;
        }
    }
    match out.flush() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn line(number: u64, kind: Kind, invented: &mut Invented) -> String {
    let documents = invented.documents(kind);
    let query = invented.query(kind);
    let outcome = match answer::answer(kind, &query, &documents) {
        Ok(json) => format!(r#"{{"ok":{json}}}"#),
        Err(fault) => format!(r#"{{"fault":{}}}"#, Value::String(fault.message).to_json()),
    };
    let documents: Vec<String> = documents.iter().map(Object::to_json).collect();
    format!(
        r#"{{"n":{number},"kind":"{}","query":{query},"documents":[{}],"ours":{outcome}}}"#,
        kind.name(),
        documents.join(",")
    )
}
