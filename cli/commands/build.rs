//! `ostro build`: makes components as a deploy would, and writes them to files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use runtime::clock::Clock;
use serde_json::{Value, json};

use super::{
    Context,
    deploy::{
        self,
        plan::{FunctionPlan, Plan, Settings},
    },
};
use crate::{
    args::{BuildArgs, DeployArgs},
    build::is_script,
    failure::Failure,
    output::{escape, units},
};

/// `ostro build`.
pub(super) fn run(context: &Context, args: &BuildArgs) -> Result<(), Failure> {
    let plan = plan(args)?;
    if let (Some(_), [_, _, ..]) = (&args.out, plan.functions.as_slice()) {
        return Err(Failure::usage("`-o` names one component, and there are several functions")
            .hint("add `--name NAME` to build one of them"));
    }
    let (clock, mut ran, mut built) = (Clock::system(), BTreeSet::new(), Vec::new());
    for function in &plan.functions {
        let start = clock.instant();
        let component = deploy::build(context, function, &mut ran)?;
        let file = file_of(args, function);
        // What the manifest's command made is where it belongs.
        if file != function.component {
            fs::write(&file, &component).map_err(|error| Failure::io(file.display(), &error))?;
        }
        let ms = u64::try_from(clock.instant().duration_since(start).as_millis()).unwrap_or(u64::MAX);
        let (size, name) = (units::bytes(component.len() as u64), &function.name);
        context.out.word(&format!("built {name}: {size} in {}", units::millis(ms)));
        built.push(json!({ "function": name, "file": file, "bytes": component.len(), "ms": ms }));
    }
    context.out.show(&json!({ "built": built }), |_| {
        let files = built.iter().filter_map(|one| one.get("file").and_then(Value::as_str));
        files.into_iter().try_for_each(|file| context.out.line(&escape(file)))
    })
}

/// What a deploy of the same would build.
fn plan(args: &BuildArgs) -> Result<Plan, Failure> {
    let mut wanted = DeployArgs { target: args.target.clone(), ..DeployArgs::default() };
    let mut plan = Plan::make(&wanted)?;
    let Some(name) = &args.name else { return Ok(plan) };
    if plan.functions.iter().any(|function| matches!(function.settings, Settings::Manifest(_))) {
        wanted.function = Some(name.clone());
        return Plan::make(&wanted);
    }
    plan.functions.iter_mut().for_each(|function| function.name.clone_from(name));
    Ok(plan)
}

/// Where the component of a function goes.
fn file_of(args: &BuildArgs, function: &FunctionPlan) -> PathBuf {
    let made = || match is_script(&function.component) {
        true => Path::new(&function.name).with_extension("wasm"),
        false => function.component.clone(),
    };
    args.out.clone().unwrap_or_else(made)
}
