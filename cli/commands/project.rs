//! `ostro project`: create, list, delete.

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
                let what = format!("this deletes project {name} with all its functions, secrets and tokens");
                context.confirm(&what, name)?;
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
