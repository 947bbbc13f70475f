//! `ostro rules`: test, explain. Both work on the manifest alone, in a store that goes afterwards.

use std::path::Path;

use runtime::{
    clock::Clock,
    problem::Problem,
    rehearsal::{Caller, Outcome, Rehearsal, Script},
};
use serde_json::json;

use super::{Context, body, deploy::manifest};
use crate::{
    args::{ExplainArgs, RulesCommand},
    failure::Failure,
    output::{Form, escape},
};

/// `ostro rules`.
pub(super) fn run(context: &Context, command: &RulesCommand) -> Result<(), Failure> {
    match command {
        RulesCommand::Test { file, manifest } => test(context, file, manifest),
        RulesCommand::Explain(args) => explain(context, args),
    }
}

fn test(context: &Context, file: &Path, manifest: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::io(file.display(), &error).hint("`ostro rules test --help` shows what such a file has")
    })?;
    let script =
        Script::parse(&text).map_err(|fault| Failure::local(format!("{}: {fault}", file.display())))?;
    let outcomes = in_store(manifest, |store| store.run(&script))?;
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    match context.out.form() {
        Form::Json => context.out.json(&json!({ "cases": outcomes, "failed": failed }))?,
        _ => outcomes.iter().try_for_each(|outcome| say(context, outcome))?,
    }
    match failed {
        0 => {
            context.out.word(&format!("{} as expected", counted(outcomes.len())));
            Ok(())
        }
        failed => Err(Failure::local(format!("{failed} of {} ended otherwise", counted(outcomes.len())))),
    }
}

fn say(context: &Context, outcome: &Outcome) -> Result<(), Failure> {
    let Outcome { name, passed, expected, got } = outcome;
    let (paint, name) = (context.out.data_paint(), escape(name));
    match passed {
        true => context.out.line(&format!("ok      {name}")),
        false => {
            context.out.line(&format!("{}  {name}", paint.red("FAILED")))?;
            context.out.line(&format!("        expected {}", escape(expected)))?;
            context.out.line(&format!("        but it was {}", escape(got)))
        }
    }
}

fn explain(context: &Context, args: &ExplainArgs) -> Result<(), Failure> {
    let ExplainArgs { collection, operation, user, roles, anonymous, .. } = args;
    let caller = Caller { user: user.clone(), roles: roles.clone(), anonymous: *anonymous };
    let body = match &args.body {
        Some(data) => {
            String::from_utf8(body::load(data)?).map_err(|_| Failure::usage("the body is not UTF-8"))?
        }
        None => "{}".to_owned(),
    };
    let explained = in_store(&args.manifest, |store| store.explain(&caller, collection, operation, &body))?;
    let value = json!({
        "condition": explained.condition,
        "sql": explained.sql,
        "parameters": explained.parameters,
        "index": explained.index,
        "steps": explained.steps,
    });
    context.out.show(&value, |_| {
        context.out.line(&format!("condition  {}", escape(&explained.condition)))?;
        let Some(sql) = &explained.sql else {
            context.out.word(match explained.condition.as_str() {
                "false" => "nothing is looked for: nothing is open to this caller",
                _ => "nothing is looked for: the condition is asked of each new document",
            });
            return Ok(());
        };
        let index = explained.index.as_deref().unwrap_or("none: every document is looked at");
        context.out.line(&format!("index      {}", escape(index)))?;
        context.out.line(&format!("sql        {}", escape(sql)))?;
        for (place, parameter) in explained.parameters.iter().enumerate() {
            context.out.line(&format!("  ?{:<8} {}", place + 2, escape(parameter)))?;
        }
        explained.steps.iter().try_for_each(|step| context.out.line(&format!("step       {}", escape(step))))
    })
}

/// Does something in a store with the collections of a manifest.
fn in_store<T>(manifest: &Path, work: impl FnOnce(&Rehearsal) -> Result<T, Problem>) -> Result<T, Failure> {
    let (_, manifest) = manifest::load(manifest)?;
    let folder = tempfile::tempdir().map_err(|error| Failure::io("a folder to work in", &error))?;
    let done = Rehearsal::open(folder.path(), manifest, Clock::system()).and_then(|store| work(&store));
    done.map_err(|problem| {
        let failure = Failure::local(problem.message);
        problem.hint.into_iter().fold(failure, Failure::hint)
    })
}

fn counted(cases: usize) -> String {
    match cases {
        1 => "1 case".to_owned(),
        cases => format!("{cases} cases"),
    }
}
