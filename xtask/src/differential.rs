//! `cargo xtask differential`: the language of documents beside two implementations of others, on cases at random.
//!
//! `store/examples/differential` invents the cases and answers them; mingo (npm) and mongomock (PyPI) answer the same
//! through the scripts in `tests/differential`. Every difference has to be in the table of
//! `docs/documents-conformance.md`, with who is right by MongoDB's manual.

mod outcome;
mod triage;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{npm, process, random, tool, workspace};
use outcome::{Case, Outcome};
use triage::Triage;

/// Differences that are shown of each implementation before the rest is only counted.
const MOST_SHOWN: usize = 10;

/// `cargo xtask differential`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// What the cases are made of; a new one each time unless given
    #[arg(long)]
    seed: Option<u64>,
    /// How many cases
    #[arg(long, default_value_t = 7000)]
    cases: u64,
}

/// Another implementation, and what has to be run to ask it.
struct Other {
    name: &'static str,
    command: Command,
}

/// `cargo xtask differential`.
pub(crate) fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(random::seed_from_time);
    println!("to repeat it: cargo xtask differential --seed {seed} --cases {}", options.cases);
    let folder = workspace::target().join("differential");
    std::fs::create_dir_all(&folder)?;
    let others = [mingo(&folder)?, mongomock(&folder)?];
    let table = triage::read(&workspace::root().join("docs/documents-conformance.md"))?;
    let cases = invent(&folder, seed, options.cases)?;
    let mut unexplained = 0;
    for other in others {
        let name = other.name;
        let outcomes = ask(other, &folder)?;
        unexplained += compare(name, &cases, &outcomes, &table)?;
    }
    match unexplained {
        0 => Ok(()),
        count => bail!("{count} differences are not in the table of docs/documents-conformance.md"),
    }
}

/// Node, with mingo as the lock file has it.
fn mingo(folder: &Path) -> Result<Other> {
    if npm::find().is_none() {
        bail!("node and npm are needed to ask mingo");
    }
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(sources().join(name), folder.join(name))?;
    }
    npm::ci(folder)?;
    let mut command = Command::new("node");
    command.arg(sources().join("mingo.mjs"));
    Ok(Other { name: "mingo", command })
}

/// Python, with mongomock in a virtual environment.
fn mongomock(folder: &Path) -> Result<Other> {
    if tool::find("python3").is_none() {
        bail!("python3 is needed to ask mongomock");
    }
    let environment = folder.join("python");
    if !environment.join("bin/pip").exists() {
        process::output(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    process::output(pip.arg(sources().join("requirements.txt")))
        .context("pip cannot install mongomock (it asks the Python package index)")?;
    let mut command = Command::new(environment.join("bin/python"));
    command.arg("-B").arg(sources().join("mongomock_answers.py"));
    Ok(Other { name: "mongomock", command })
}

fn sources() -> PathBuf {
    workspace::root().join("tests/differential")
}

fn cases_file(folder: &Path) -> PathBuf {
    folder.join("cases.jsonl")
}

fn invent(folder: &Path, seed: u64, cases: u64) -> Result<Vec<Case>> {
    let mut cargo = process::cargo();
    cargo.args(["run", "--quiet", "--package", "store", "--example", "differential", "--"]);
    cargo.args([seed.to_string(), cases.to_string()]).stdout(File::create(cases_file(folder))?);
    process::run(&mut cargo)?;
    outcome::cases(&std::fs::read_to_string(cases_file(folder))?)
}

fn ask(mut other: Other, folder: &Path) -> Result<Vec<Outcome>> {
    let answers = folder.join(format!("{}.jsonl", other.name));
    other.command.current_dir(folder).stdin(File::open(cases_file(folder))?).stdout(File::create(&answers)?);
    process::run(other.command.stderr(Stdio::inherit()))?;
    outcome::outcomes(&std::fs::read_to_string(&answers)?)
}

/// How many differences nothing explains.
fn compare(name: &str, cases: &[Case], outcomes: &[Outcome], table: &[Triage]) -> Result<usize> {
    if cases.len() != outcomes.len() {
        bail!("{name} answered {} of {} cases", outcomes.len(), cases.len());
    }
    let (mut agreed, mut unexplained) = (0, Vec::new());
    let mut explained: BTreeMap<&str, usize> = BTreeMap::new();
    for (case, theirs) in cases.iter().zip(outcomes) {
        if case.ours.is_same(theirs) {
            agreed += 1;
            continue;
        }
        match table.iter().find(|row| row.explains(name, case, theirs)) {
            Some(row) => *explained.entry(&row.name).or_default() += 1,
            None => unexplained.push((case, theirs)),
        }
    }
    println!("\n{name}: {agreed} of {} cases agree", cases.len());
    for (row, count) in &explained {
        println!("  {count:>5}  {row}");
    }
    for (case, theirs) in unexplained.iter().take(MOST_SHOWN) {
        println!("  not explained: {case}\n    {name}: {theirs}");
    }
    if unexplained.len() > MOST_SHOWN {
        println!("  and {} more that are not explained", unexplained.len() - MOST_SHOWN);
    }
    Ok(unexplained.len())
}
