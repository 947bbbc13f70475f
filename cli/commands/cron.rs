//! `ostro cron`: list, pause, resume, run.

use runtime::control::wire::{Accepted, ScheduleList, ScheduleView};
use serde_json::json;

use super::{Context, Session};
use crate::{
    args::{CronCommand, ScheduleArgs},
    failure::Failure,
    output::{Table, units},
};

/// `ostro cron`.
pub(super) fn run(context: &Context, command: &CronCommand) -> Result<(), Failure> {
    match command {
        CronCommand::List => list(context),
        CronCommand::Pause(args) => set(context, args, "pause"),
        CronCommand::Resume(args) => set(context, args, "resume"),
        CronCommand::Run(args) => start(context, args),
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let list: ScheduleList = session.client.get(&session.path(&["cron"]), &[])?;
    context.out.show(&list, |list| {
        let mut table =
            Table::new(&["ID", "FUNCTION", "SCHEDULE", "TIMEZONE", "NEXT", "LAST", "SKIPPED", "MISSED"]);
        for schedule in &list.schedules {
            table.row([
                schedule.id.clone(),
                schedule.function.clone(),
                schedule.trigger.schedule.clone(),
                schedule.trigger.timezone.clone(),
                next_text(schedule),
                schedule.last_ms.map_or_else(|| "never".to_owned(), units::time_to_second),
                schedule.skipped.to_string(),
                schedule.missed_slots.to_string(),
            ]);
        }
        let empty = format!(
            "no schedules in project `{}` yet: cron = [\"0 3 * * *\"] of a function makes one",
            session.project
        );
        context.out.table(&table, &empty)
    })
}

/// `action` is what the path calls it.
fn set(context: &Context, args: &ScheduleArgs, action: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let schedule = find(&session, &args.schedule)?;
    let path = session.path(&["cron", &schedule.id, action]);
    let schedule: ScheduleView = session.client.post(&path, &json!({}))?;
    context.out.show(&schedule, |schedule| {
        context.out.word(&sentence(schedule));
        Ok(())
    })
}

fn start(context: &Context, args: &ScheduleArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let schedule = find(&session, &args.schedule)?;
    let path = session.path(&["cron", &schedule.id, "run"]);
    let accepted: Accepted = session.client.post(&path, &json!({}))?;
    context.out.show(&accepted, |Accepted { job }| {
        context.out.line(&job.to_string())?;
        context.out.word(&format!(
            "{} runs now, as a job: `ostro jobs show {job}` shows what becomes of it",
            schedule.function
        ));
        Ok(())
    })
}

/// The schedule of that id, or the only one of that function.
fn find(session: &Session, named: &str) -> Result<ScheduleView, Failure> {
    let list: ScheduleList = session.client.get(&session.path(&["cron"]), &[])?;
    choose(list.schedules, named)
}

fn choose(schedules: Vec<ScheduleView>, named: &str) -> Result<ScheduleView, Failure> {
    let (mut by_id, others): (Vec<_>, Vec<_>) =
        schedules.into_iter().partition(|schedule| schedule.id == named);
    if let Some(schedule) = by_id.pop() {
        return Ok(schedule);
    }
    let mut of_function: Vec<_> = others.into_iter().filter(|schedule| schedule.function == named).collect();
    match (of_function.pop(), of_function.is_empty()) {
        (Some(schedule), true) => Ok(schedule),
        (Some(last), false) => {
            let ids: Vec<_> = of_function.iter().chain([&last]).map(short).collect();
            Err(Failure::usage(format!("function `{named}` has {} schedules", ids.len()))
                .hint(format!("name one by its id: {}", ids.join("; "))))
        }
        (None, _) => {
            Err(Failure::local(format!("there is no schedule and no function with one named `{named}`"))
                .hint("`ostro cron list` shows the schedules of the project"))
        }
    }
}

fn short(schedule: &ScheduleView) -> String {
    format!("{} ({} {})", schedule.id, schedule.trigger.schedule, schedule.trigger.timezone)
}

fn next_text(schedule: &ScheduleView) -> String {
    match (schedule.paused, schedule.next_ms) {
        (true, _) => "paused".to_owned(),
        (false, Some(next_ms)) => units::time_to_second(next_ms),
        (false, None) => "never".to_owned(),
    }
}

fn sentence(schedule: &ScheduleView) -> String {
    let name = format!("{}, {} {}", schedule.function, schedule.trigger.schedule, schedule.trigger.timezone);
    match (schedule.paused, schedule.next_ms) {
        (true, _) => format!("paused {name}: its slots pass until `ostro cron resume {}`", schedule.id),
        (false, Some(next_ms)) => format!("{name} goes on: next at {}", units::time_to_second(next_ms)),
        (false, None) => format!("{name} goes on, but has no next slot"),
    }
}

#[cfg(test)]
mod tests {
    use runtime::control::wire::{CronTrigger, Missed, Overlap};

    use super::*;

    fn schedule(id: &str, function: &str) -> ScheduleView {
        ScheduleView {
            id: id.to_owned(),
            function: function.to_owned(),
            trigger: CronTrigger {
                schedule: "0 3 * * *".to_owned(),
                timezone: "UTC".to_owned(),
                path: "/_ostro/cron".to_owned(),
                missed: Missed::Once,
                overlap: Overlap::Forbid,
            },
            next_ms: Some(1_700_000_000_000),
            last_ms: None,
            last_job: None,
            paused: false,
            skipped: 0,
            missed_slots: 0,
        }
    }

    #[test]
    fn schedules_are_named_by_id_or_by_function() {
        let all = || vec![schedule("a1", "report"), schedule("b2", "clean"), schedule("c3", "clean")];
        assert_eq!(choose(all(), "c3").unwrap().id, "c3");
        assert_eq!(choose(all(), "report").unwrap().id, "a1");
        let many = choose(all(), "clean").unwrap_err();
        let word = many.word().unwrap();
        assert_eq!(word.message, "function `clean` has 2 schedules");
        assert!(word.hint.as_ref().unwrap().contains("b2 (0 3 * * * UTC); c3"), "{:?}", word.hint);
        assert!(choose(all(), "none").unwrap_err().word().unwrap().message.contains("`none`"));
    }

    #[test]
    fn sentences() {
        let mut schedule = schedule("a1", "report");
        assert_eq!(sentence(&schedule), "report, 0 3 * * * UTC goes on: next at 2023-11-14T22:13:20Z");
        schedule.paused = true;
        assert!(sentence(&schedule).contains("`ostro cron resume a1`"));
        assert_eq!(next_text(&schedule), "paused");
    }
}
