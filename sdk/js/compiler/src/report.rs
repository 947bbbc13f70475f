//! The outcome of a build: JSON for `ostro`, text for people.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::args::Build;
use crate::build::{Built, Failed};
use crate::engine::Origin;
use crate::snapshot::Line;

/// Prints it. The status is 0, or 1 when the program is at fault, or 2 when this tool is.
pub(crate) fn print(build: &Build, outcome: &Result<Built, Failed>) -> ExitCode {
    if build.json {
        println!("{}", to_json(outcome));
    } else {
        print_text(build, outcome);
    }
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(Failed::Program(..)) => ExitCode::from(1),
        Err(Failed::Tool(_)) => ExitCode::from(crate::TOOL),
    }
}

fn to_json(outcome: &Result<Built, Failed>) -> Value {
    match outcome {
        Ok(built) => json!({
            "ok": true,
            "handlers": built.handlers,
            "bytes": built.bytes,
            "modules": built.modules,
            "console": built.console,
            "engine_made": built.engine == Origin::Made,
            "timing_ms": built.timing.iter().map(|(step, ms)| ((*step).to_owned(), rounded(*ms))).collect::<Map<_, _>>(),
        }),
        Err(Failed::Program(faults, console)) => json!({ "ok": false, "errors": faults, "console": console }),
        Err(Failed::Tool(error)) => {
            json!({ "ok": false, "errors": [{ "message": format!("ostro-js failed: {error:#}") }], "console": [] })
        }
    }
}

/// To a tenth of a millisecond.
fn rounded(ms: f64) -> Value {
    Value::from((ms * 10.0).round() / 10.0)
}

fn print_text(build: &Build, outcome: &Result<Built, Failed>) {
    match outcome {
        Ok(built) => {
            print_console(&built.console);
            let all: f64 = built.timing.iter().map(|(_, ms)| ms).sum();
            let out = build.out.display();
            let handlers = built.handlers.join(", ");
            eprintln!("{out}: {} bytes, {handlers}, {} files, {all:.0} ms", built.bytes, built.modules.len());
        }
        Err(Failed::Program(faults, console)) => {
            print_console(console);
            for fault in faults {
                eprint!("{}", fault.to_text());
            }
        }
        Err(Failed::Tool(error)) => eprintln!("ostro-js failed: {error:#}"),
    }
}

fn print_console(lines: &[Line]) {
    for line in lines {
        eprintln!("[{}] {}", line.level, line.message);
    }
}
