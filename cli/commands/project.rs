//! `ostro project`: create, list, delete.

use std::io::{self, BufRead as _, IsTerminal as _};

use runtime::control::wire::{NewProject, Project, ProjectList};

use super::Context;
use crate::{
    args::ProjectCommand,
    client::path,
    failure::Failure,
    output::{Table, units},
};

/// `ostro project`.
pub(super) fn run(context: &Context, command: &ProjectCommand) -> Result<(), Failure> {
    match command {
        ProjectCommand::Create { name } => create(context, name),
        ProjectCommand::List => list(context),
        ProjectCommand::Delete { name, yes } => {
            if !*yes {
                confirm(context, name)?;
            }
            delete(context, name)
        }
    }
}

fn create(context: &Context, name: &str) -> Result<(), Failure> {
    let new = NewProject { name: name.to_owned() };
    let project: Project = context.client()?.post(&path(&["projects"]), &new)?;
    context.out.show(&project, |project| {
        context.out.word(&format!(
            "created project {0}; deploy to it with `ostro --project {0} deploy`",
            project.name
        ));
        Ok(())
    })
}

fn list(context: &Context) -> Result<(), Failure> {
    let list: ProjectList = context.client()?.get(&path(&["projects"]), &[])?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["NAME", "CREATED", "ID"]);
        for project in &list.projects {
            table.row([
                project.name.clone(),
                units::time_to_second(project.created_ms),
                project.id.to_string(),
            ]);
        }
        context.out.table(&table, "no projects")
    })
}

fn delete(context: &Context, name: &str) -> Result<(), Failure> {
    context.client()?.delete(&path(&["projects", name]))?;
    context.out.word(&format!("deleted project {name} with its functions, secrets and tokens"));
    Ok(())
}

/// Asks a person; a script that calls this knows what it does.
fn confirm(context: &Context, name: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    context.out.warn(&format!("this deletes project {name} with all its functions, secrets and tokens"));
    context.out.word("type its name to go on:");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::io("standard input", &error))?;
    match answer.trim() == name {
        true => Ok(()),
        false => Err(Failure::local("that is not its name: nothing was deleted")),
    }
}
