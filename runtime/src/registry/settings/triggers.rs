//! What may start a function: schedules and queues, as manifest and flags give them. Pure.

use store::catalog::{CronTrigger, Missed, Overlap, QueueTrigger};

use super::{MAX_ROUTE_BYTES, check_name};
use crate::control::wire::{CronFlag, QueueFlag};
use crate::registry::manifest::units;
use crate::router::NormalPath;
use crate::triggers::schedule::{Schedule, ScheduleError};

/// Where slots go unless the trigger says otherwise; no client can reach it.
pub const CRON_PATH: &str = "/_ostro/cron";
/// Where messages go unless the trigger says otherwise; no client can reach it.
pub const QUEUE_PATH: &str = "/_ostro/queue";
/// Schedules of one project.
pub const MAX_SCHEDULES: usize = 50;
/// Queues that one function consumes.
pub const MAX_QUEUES: usize = 50;
/// Shortest and longest time that a queue keeps its messages, milliseconds.
const RETENTION_MS: (u64, u64) = (60_000, 90 * 24 * 3_600_000);

/// A trigger that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The key that is at fault.
    pub key: &'static str,
    /// Byte of the expression where the fault is, if it is in one.
    pub offset: Option<usize>,
    /// That expression.
    pub schedule: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Unfit {
    pub(super) fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self { key, offset: None, schedule: None, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A fault of an expression or of its time zone.
    fn of_schedule(expression: &str, error: ScheduleError) -> Self {
        let key = if error.offset.is_some() { "schedule" } else { "timezone" };
        let message = match error.offset {
            Some(_) => format!("schedule `{}`: {}", expression.escape_debug(), error.message),
            None => error.message,
        };
        let schedule = error.offset.map(|_| expression.to_owned());
        Self { key, offset: error.offset, schedule, message, hint: error.hint }
    }
}

/// Checks a schedule and fills in what it leaves out.
pub fn cron_trigger(flag: CronFlag) -> Result<CronTrigger, Unfit> {
    let timezone = flag.timezone.as_deref().unwrap_or("UTC");
    let schedule = Schedule::parse(&flag.schedule, timezone)
        .map_err(|error| Unfit::of_schedule(&flag.schedule, error))?;
    let missed = match flag.missed.as_deref() {
        None | Some("once") => Missed::Once,
        Some("skip") => Missed::Skip,
        Some("all") => Missed::All,
        Some(other) => return Err(unknown("missed", other, "\"once\", \"skip\" and \"all\"")),
    };
    let overlap = match flag.overlap.as_deref() {
        None | Some("forbid") => Overlap::Forbid,
        Some("allow") => Overlap::Allow,
        Some("replace") => Overlap::Replace,
        Some(other) => return Err(unknown("overlap", other, "\"forbid\", \"allow\" and \"replace\"")),
    };
    Ok(CronTrigger {
        timezone: schedule.timezone().to_owned(),
        path: path(flag.path.as_deref(), CRON_PATH)?,
        schedule: flag.schedule,
        missed,
        overlap,
    })
}

/// Checks the consumption of a queue and fills in what it leaves out.
pub fn queue_trigger(flag: QueueFlag) -> Result<QueueTrigger, Unfit> {
    check_name(&flag.name).map_err(|reason| {
        Unfit::new("name", format!("`{}` is not a queue name: {reason}", flag.name.escape_debug()))
    })?;
    Ok(QueueTrigger {
        batch: within("batch", flag.batch, 10, 100)?,
        concurrency: within("concurrency", flag.concurrency, 4, 1_000)?,
        attempts: within("attempts", flag.attempts, 5, 100)?,
        path: path(flag.path.as_deref(), QUEUE_PATH)?,
        name: flag.name,
    })
}

/// Refuses a schedule that stands among the earlier ones: two that differ in nothing but what becomes of their
/// slots would be one.
pub fn same_schedule(earlier: &[CronTrigger], trigger: &CronTrigger) -> Result<(), Unfit> {
    let what =
        |trigger: &CronTrigger| (trigger.schedule.clone(), trigger.timezone.clone(), trigger.path.clone());
    if earlier.len() >= MAX_SCHEDULES {
        return Err(Unfit::new("schedule", format!("more than {MAX_SCHEDULES} schedules")));
    }
    if earlier.iter().any(|other| what(other) == what(trigger)) {
        return Err(Unfit::new(
            "schedule",
            format!("the schedule `{}` stands twice", trigger.schedule.escape_debug()),
        )
        .hint("give one of them another `path`, or remove it"));
    }
    Ok(())
}

/// Refuses a queue that stands among the earlier ones.
pub fn same_queue(earlier: &[QueueTrigger], trigger: &QueueTrigger) -> Result<(), Unfit> {
    if earlier.len() >= MAX_QUEUES {
        return Err(Unfit::new("name", format!("more than {MAX_QUEUES} queues")));
    }
    if earlier.iter().any(|other| other.name == trigger.name) {
        return Err(Unfit::new("name", format!("the queue `{}` stands twice", trigger.name)));
    }
    Ok(())
}

/// Checks all schedules of a function.
pub fn cron_triggers(flags: Vec<CronFlag>) -> Result<Vec<CronTrigger>, Unfit> {
    let mut triggers = Vec::new();
    for flag in flags {
        let trigger = cron_trigger(flag)?;
        same_schedule(&triggers, &trigger)?;
        triggers.push(trigger);
    }
    Ok(triggers)
}

/// Checks all queues of a function.
pub fn queue_triggers(flags: Vec<QueueFlag>) -> Result<Vec<QueueTrigger>, Unfit> {
    let mut triggers = Vec::new();
    for flag in flags {
        let trigger = queue_trigger(flag)?;
        same_queue(&triggers, &trigger)?;
        triggers.push(trigger);
    }
    Ok(triggers)
}

/// Checks how long a queue keeps its messages, milliseconds.
pub fn check_retention(millis: u64) -> Result<i64, String> {
    let (least, most) = RETENTION_MS;
    match i64::try_from(millis) {
        Ok(kept) if (least..=most).contains(&millis) => Ok(kept),
        _ => {
            let (least, most) = (units::show_millis(least), units::show_millis(most));
            Err(format!("`retention` is {least} to {most}, not {}", units::show_millis(millis)))
        }
    }
}

/// The path of a trigger in its normal form. The platform's own part of the path space has one path for each.
pub(super) fn path(given: Option<&str>, usual: &str) -> Result<String, Unfit> {
    let Some(given) = given else { return Ok(usual.to_owned()) };
    if given.len() > MAX_ROUTE_BYTES {
        return Err(Unfit::new("path", format!("a path has at most {MAX_ROUTE_BYTES} bytes")));
    }
    if given.contains(['?', '#', ' ']) {
        return Err(Unfit::new(
            "path",
            format!("the path `{}` has a query, a fragment or a space", given.escape_debug()),
        )
        .hint("write the path alone"));
    }
    let normal = NormalPath::parse(given)
        .map_err(|error| Unfit::new("path", format!("the path `{}`: {error}", given.escape_debug())))?;
    if normal.is_reserved() && normal.as_str() != usual {
        return Err(Unfit::new("path", format!("`{}` is the platform's own", given.escape_debug()))
            .hint(format!("choose a path outside of `/_ostro/`, or leave it out for `{usual}`")));
    }
    Ok(normal.as_str().to_owned())
}

fn within(key: &'static str, given: Option<u32>, usual: u32, most: u32) -> Result<u32, Unfit> {
    let value = given.unwrap_or(usual);
    if value == 0 || value > most {
        return Err(Unfit::new(key, format!("`{key}` is a number from 1 to {most}")));
    }
    Ok(value)
}

fn unknown(key: &'static str, value: &str, known: &str) -> Unfit {
    Unfit::new(key, format!("unknown {key} `{}`", value.escape_debug())).hint(format!("{known} are known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(schedule: &str) -> CronFlag {
        CronFlag { schedule: schedule.to_owned(), timezone: None, path: None, missed: None, overlap: None }
    }

    fn queue(name: &str) -> QueueFlag {
        QueueFlag { name: name.to_owned(), batch: None, concurrency: None, attempts: None, path: None }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let plain = cron_trigger(cron("@daily")).unwrap();
        assert_eq!((plain.timezone.as_str(), plain.path.as_str()), ("UTC", CRON_PATH));
        assert_eq!((plain.missed, plain.overlap), (Missed::Once, Overlap::Forbid));
        let plain = queue_trigger(queue("mail")).unwrap();
        assert_eq!(
            (plain.batch, plain.concurrency, plain.attempts, plain.path.as_str()),
            (10, 4, 5, QUEUE_PATH)
        );
    }

    #[test]
    fn g1_a_bad_schedule_names_key_and_position() {
        let zone = CronFlag { timezone: Some("Mars".to_owned()), ..cron("@daily") };
        let path = |path: &str| CronFlag { path: Some(path.to_owned()), ..cron("@daily") };
        let missed = CronFlag { missed: Some("twice".to_owned()), ..cron("@daily") };
        let overlap = CronFlag { overlap: Some("".to_owned()), ..cron("@daily") };
        for (flag, key, offset) in [
            (cron("* * 30 2 *"), "schedule", Some(4)),
            (cron("* * * * * *"), "schedule", Some(10)),
            (cron("@every 1ns"), "schedule", Some(0)),
            (zone, "timezone", None),
            (path("cron"), "path", None),
            (path("/a/../b"), "path", None),
            (path("/a?b"), "path", None),
            (path("/_ostro/queue"), "path", None),
            (path("//_OSTRO/x"), "path", None),
            (path(&"/".repeat(2_000)), "path", None),
            (missed, "missed", None),
            (overlap, "overlap", None),
        ] {
            let unfit = cron_trigger(flag.clone()).expect_err(&flag.schedule);
            assert_eq!((unfit.key, unfit.offset), (key, offset), "{flag:?} {unfit:?}");
        }
        assert_eq!(cron_trigger(path("/_ostro/cron")).map(|trigger| trigger.path), Ok(CRON_PATH.to_owned()));
        assert_eq!(cron_trigger(path("/%61%2f")).map(|trigger| trigger.path), Ok("/a%2F".to_owned()));
    }

    #[test]
    fn queues_at_their_edges() {
        let with = |batch, concurrency, attempts| QueueFlag {
            batch: Some(batch),
            concurrency: Some(concurrency),
            attempts: Some(attempts),
            ..queue("mail")
        };
        for good in [with(1, 1, 1), with(100, 1_000, 100)] {
            assert!(queue_trigger(good.clone()).is_ok(), "{good:?}");
        }
        for (bad, key) in [
            (with(0, 1, 1), "batch"),
            (with(101, 1, 1), "batch"),
            (with(1, 0, 1), "concurrency"),
            (with(1, 1_001, 1), "concurrency"),
            (with(1, 1, 0), "attempts"),
            (with(1, 1, 101), "attempts"),
            (queue("Mail"), "name"),
            (queue(""), "name"),
        ] {
            assert_eq!(queue_trigger(bad.clone()).map_err(|unfit| unfit.key), Err(key), "{bad:?}");
        }
    }

    #[test]
    fn g1_doubles_and_too_many_are_refused() {
        let twice = |a: CronFlag, b: CronFlag| cron_triggers(vec![a, b]);
        assert!(twice(cron("@daily"), cron("@daily")).is_err());
        let other = CronFlag { missed: Some("all".to_owned()), ..cron("@daily") };
        assert!(twice(cron("@daily"), other).is_err(), "they would have one id");
        let other = CronFlag { path: Some("/other".to_owned()), ..cron("@daily") };
        assert_eq!(twice(cron("@daily"), other).map(|triggers| triggers.len()), Ok(2));
        assert!(queue_triggers(vec![queue("a"), queue("a")]).is_err());
        let many = |count: usize| (0..count).map(|minute| cron(&format!("{minute} * * * *"))).collect();
        assert_eq!(cron_triggers(many(MAX_SCHEDULES)).map(|triggers| triggers.len()), Ok(MAX_SCHEDULES));
        assert!(cron_triggers(many(MAX_SCHEDULES + 1)).is_err());
        let many = |count: usize| (0..count).map(|number| queue(&format!("q{number}"))).collect();
        assert!(queue_triggers(many(MAX_QUEUES)).is_ok());
        assert!(queue_triggers(many(MAX_QUEUES + 1)).is_err());
    }

    #[test]
    fn retention_at_its_edges() {
        for (millis, accepted) in
            [(59_999, false), (60_000, true), (90 * 86_400_000, true), (90 * 86_400_000 + 1, false)]
        {
            assert_eq!(check_retention(millis).is_ok(), accepted, "{millis}");
        }
        assert!(check_retention(u64::MAX).is_err());
    }
}
