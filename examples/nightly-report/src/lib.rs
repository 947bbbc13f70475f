//! A nightly report: yesterday's figures are fetched from one API and posted to another, on a schedule.

mod api;
mod day;

use day::Day;
use exports::ostro::triggers::scheduled::{Guest, Slot};
use serde_json::{Value, json};

wit_bindgen::generate!({
    path: "../../wit/triggers.wit",
    inline: "
        package example:nightly-report;
        world report { export ostro:triggers/scheduled@0.1.0; }
    ",
    generate_all,
});

struct Report;

export!(Report);

impl Guest for Report {
    /// What is returned as an error is what `ostro jobs show` prints.
    fn handle(slot: Slot) -> Result<(), String> {
        wstd::runtime::block_on(report(&slot))
    }
}

async fn report(slot: &Slot) -> Result<(), String> {
    // The slot's own time, not now: a run that comes late still reports the day that was meant.
    let day = Day::before(slot.time_ms);
    let figures = api::get("FIGURES_API", &format!("/figures?day={day}")).await?;
    // The job's id is the same in every attempt: the receiver can tell a repeated report from a second one.
    api::post("REPORTS_API", "/reports", &slot.job, &summary(&day, &figures, slot.missed)).await
}

fn summary(day: &Day, figures: &Value, missed: u32) -> Value {
    let number = |name: &str| figures.get(name).and_then(Value::as_f64).unwrap_or_default();
    let (orders, revenue) = (number("orders"), number("revenue"));
    let average = if orders > 0.0 { (revenue / orders * 100.0).round() / 100.0 } else { 0.0 };
    json!({
        "day": day.to_string(),
        "orders": orders,
        "revenue": revenue,
        "average": average,
        "nights_without_report": missed,
    })
}
