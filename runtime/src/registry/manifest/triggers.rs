//! What starts a function besides requests: `cron`, `queues` and `events` of a function, and the `[queue.NAME]` sections.

use std::collections::BTreeMap;

use store::catalog::{CronTrigger, DataTrigger, QueueTrigger};
use toml::Spanned;
use toml::de::DeValue;

use super::reader::{Fault, Section, inside, wrong_type};
use super::{FunctionSettings, QueueSettings, units};
use crate::control::wire::{CronFlag, QueueFlag};
use crate::registry::settings::{self, EventFlag, Unfit};

pub(super) fn cron(section: &Section<'_, '_>) -> Result<Vec<CronTrigger>, Fault> {
    let Some(array) = section.array("cron")? else { return Ok(Vec::new()) };
    let mut triggers = Vec::new();
    for value in array {
        let flag = cron_flag(&section.name("cron"), value)?;
        let trigger = settings::cron_trigger(flag).map_err(|unfit| locate(value, unfit))?;
        settings::same_schedule(&triggers, &trigger).map_err(|unfit| locate(value, unfit))?;
        triggers.push(trigger);
    }
    Ok(triggers)
}

pub(super) fn queues(section: &Section<'_, '_>) -> Result<Vec<QueueTrigger>, Fault> {
    let Some(array) = section.array("queues")? else { return Ok(Vec::new()) };
    let mut triggers = Vec::new();
    for value in array {
        let flag = queue_flag(&section.name("queues"), value)?;
        let trigger = settings::queue_trigger(flag).map_err(|unfit| locate(value, unfit))?;
        settings::same_queue(&triggers, &trigger).map_err(|unfit| locate(value, unfit))?;
        triggers.push(trigger);
    }
    Ok(triggers)
}

/// `events`: `{ collection = "entries", on = ["insert", "update"] }`; one change may stand alone.
pub(super) fn events(section: &Section<'_, '_>) -> Result<Vec<DataTrigger>, Fault> {
    let Some(array) = section.array("events")? else { return Ok(Vec::new()) };
    let mut triggers = Vec::new();
    for value in array {
        let flag = event_flag(&section.name("events"), value)?;
        triggers.push(settings::data_trigger(&triggers, flag).map_err(|unfit| locate(value, unfit))?);
    }
    Ok(triggers)
}

/// The `[queue.NAME]` sections.
pub(super) fn sections(root: &Section<'_, '_>) -> Result<BTreeMap<String, QueueSettings>, Fault> {
    let mut queues = BTreeMap::new();
    let Some(section) = root.section("queue")? else { return Ok(queues) };
    for (name, at) in section.keys() {
        settings::check_name(name)
            .map_err(|reason| Fault::at(at, format!("`{name}` is not a queue name: {reason}")))?;
        if queues.len() >= settings::MAX_QUEUES {
            return Err(Fault::at(at, format!("more than {} queues", settings::MAX_QUEUES)));
        }
        let Some(body) = section.section(name)? else { continue };
        body.allow(&["retention"], &[])?;
        let mut queue = QueueSettings::default();
        if let Some((text, at)) = body.string("retention")? {
            let retention = units::millis(text).and_then(settings::check_retention);
            queue.retention_ms =
                retention.map_err(|reason| Fault::at(at, reason).hint("write for example \"14d\""))?;
        }
        queues.insert(name.to_owned(), queue);
    }
    Ok(queues)
}

/// A queue has one consumer.
pub(super) fn check_consumers(
    functions: &Section<'_, '_>,
    settings: &BTreeMap<String, FunctionSettings>,
) -> Result<(), Fault> {
    let mut consumers: BTreeMap<&str, &str> = BTreeMap::new();
    for (function, settings) in settings {
        for queue in &settings.queues {
            if let Some(other) = consumers.insert(&queue.name, function) {
                let body = functions.section(function)?;
                let at = body.and_then(|body| body.value("queues").map(|value| value.span().start));
                let message = format!("the queue `{}` is consumed by `{other}` already", queue.name);
                return Err(Fault::at(at.unwrap_or(functions.start()), message)
                    .hint("a queue has one consumer; remove one of them"));
            }
        }
    }
    Ok(())
}

fn cron_flag(name: &str, value: &Spanned<DeValue<'_>>) -> Result<CronFlag, Fault> {
    let table = match value.get_ref() {
        DeValue::String(schedule) => {
            let schedule = schedule.as_ref().to_owned();
            return Ok(CronFlag { schedule, timezone: None, path: None, missed: None, overlap: None });
        }
        DeValue::Table(_) => Section::of(name.to_owned(), value)?,
        other => {
            return Err(wrong_type(name, "schedules or tables with `schedule`", other, value.span().start));
        }
    };
    table.allow(&["schedule", "timezone", "path", "missed", "overlap"], &[])?;
    let Some(schedule) = text(&table, "schedule")? else {
        return Err(Fault::at(table.start(), "this entry has no `schedule`")
            .hint("write for example { schedule = \"0 3 * * *\" }"));
    };
    Ok(CronFlag {
        schedule,
        timezone: text(&table, "timezone")?,
        path: text(&table, "path")?,
        missed: text(&table, "missed")?,
        overlap: text(&table, "overlap")?,
    })
}

fn queue_flag(name: &str, value: &Spanned<DeValue<'_>>) -> Result<QueueFlag, Fault> {
    let table = match value.get_ref() {
        DeValue::String(queue) => {
            let name = queue.as_ref().to_owned();
            return Ok(QueueFlag { name, batch: None, concurrency: None, attempts: None, path: None });
        }
        DeValue::Table(_) => Section::of(name.to_owned(), value)?,
        other => return Err(wrong_type(name, "names or tables with `name`", other, value.span().start)),
    };
    table.allow(&["name", "batch", "concurrency", "attempts", "path"], &[])?;
    let Some(queue) = text(&table, "name")? else {
        return Err(Fault::at(table.start(), "this entry has no `name`")
            .hint("write for example { name = \"mail\" }"));
    };
    Ok(QueueFlag {
        name: queue,
        batch: count(&table, "batch")?,
        concurrency: count(&table, "concurrency")?,
        attempts: count(&table, "attempts")?,
        path: text(&table, "path")?,
    })
}

fn event_flag(name: &str, value: &Spanned<DeValue<'_>>) -> Result<EventFlag, Fault> {
    let table = Section::of(name.to_owned(), value)?;
    table.allow(&["collection", "bucket", "on", "path"], &[])?;
    let on = match table.value("on").map(Spanned::get_ref) {
        Some(DeValue::String(one)) => vec![one.as_ref().to_owned()],
        _ => table.strings("on")?.into_iter().map(|(change, _)| change.to_owned()).collect(),
    };
    Ok(EventFlag {
        collection: text(&table, "collection")?,
        bucket: text(&table, "bucket")?,
        on,
        path: text(&table, "path")?,
    })
}

fn text(table: &Section<'_, '_>, key: &str) -> Result<Option<String>, Fault> {
    Ok(table.string(key)?.map(|(text, _)| text.to_owned()))
}

/// A number; one that is negative or far too large is refused like 0.
fn count(table: &Section<'_, '_>, key: &str) -> Result<Option<u32>, Fault> {
    Ok(table.integer(key)?.map(|(number, _)| u32::try_from(number).unwrap_or(0)))
}

/// The place of a fault in an entry: in the value of its key, or in the entry itself where that is a string.
fn locate(entry: &Spanned<DeValue<'_>>, unfit: Unfit) -> Fault {
    let value = match entry.get_ref() {
        DeValue::Table(table) => table.get(unfit.key).unwrap_or(entry),
        _ => entry,
    };
    let at = match unfit.offset {
        Some(byte) => inside(value, byte),
        None => value.span().start,
    };
    unfit.hint.into_iter().fold(Fault::at(at, unfit.message), Fault::hint)
}
