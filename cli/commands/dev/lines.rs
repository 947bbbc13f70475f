//! What happens, as a line for people or as a JSON event. Pure.

use runtime::{
    control::wire::{DeployOutcome, DeployReport, LogLine, LogStream, OutcomeCode, SiteOutcome, SiteReport},
    telemetry::InvocationRecord,
};
use serde_json::{Value, json};

use crate::{
    commands::deploy::site::counted,
    failure::Word,
    output::{Paint, escape, units},
};

/// Something that whoever develops wants to know.
#[derive(Debug)]
pub(super) enum Happening<'a> {
    /// The server answers.
    Ready {
        /// Address of the functions.
        listen: String,
        /// Address of the control API.
        admin: String,
    },
    /// A build begins.
    Building {
        /// Of this function.
        function: &'a str,
    },
    /// A build has something to say, and succeeded.
    Said {
        /// Of this function.
        function: &'a str,
        /// Several lines.
        text: &'a str,
    },
    /// A function is deployed.
    Deployed {
        /// What the server says.
        report: &'a DeployReport,
        /// From the change, or from the start, to the answer of the deploy, milliseconds.
        took_ms: u64,
        /// It answers at other places than before.
        new_urls: bool,
        /// It was built, and not only deployed.
        built: bool,
    },
    /// A function is gone, since the manifest does not name it any more.
    Removed {
        /// Its name.
        function: &'a str,
    },
    /// Something is wrong.
    Wrong {
        /// With this function; with the manifest or the machine when there is none.
        function: Option<&'a str>,
        /// What, where, and what to do.
        word: &'a Word,
    },
    /// What was wrong is right again.
    Fine {
        /// With this function; with the manifest when there is none.
        function: Option<&'a str>,
    },
    /// The site was published.
    Published {
        /// What is served.
        report: &'a SiteReport,
        /// Since the change, milliseconds.
        took_ms: u64,
        /// Whether nobody was told yet where it answers.
        new_url: bool,
    },
    /// A function wrote a line.
    Log {
        /// This one.
        function: &'a str,
        /// The line.
        line: &'a LogLine,
    },
    /// A run has ended.
    Ran {
        /// Of this function.
        function: &'a str,
        /// Outcome and bill.
        record: &'a InvocationRecord,
    },
    /// A call was refused for want of a grant.
    GrantMissing {
        /// Of this function.
        function: &'a str,
        /// The grant.
        grant: &'a str,
        /// The line of the manifest that would allow it.
        line: &'a str,
        /// Whether somebody can press a key.
        keys: bool,
    },
    /// A grant was added to the manifest.
    GrantAdded {
        /// To this function.
        function: &'a str,
        /// The grant.
        grant: &'a str,
    },
    /// The server has ended.
    Stopped,
}

impl Happening<'_> {
    /// For people; `None` when there is nothing to say. Ends without a line break. Foreign text is escaped.
    pub(super) fn to_text(&self, paint: Paint) -> Option<String> {
        let text = match self {
            Self::Ready { listen, admin } => {
                format!("functions on http://{listen}, control API on http://{admin}")
            }
            Self::Building { function } => paint.dim(&format!("building {function}")),
            Self::Said { text, .. } => crate::output::escape_block(text.trim_end()).into_owned(),
            Self::Deployed { report, took_ms, new_urls, built } => {
                let text = deployed(report, *took_ms, paint);
                match (report.outcome, *new_urls) {
                    (DeployOutcome::Unchanged, false) if !built => return None,
                    (_, false) => text,
                    (_, true) => with_urls(text, report),
                }
            }
            Self::Published { report, took_ms, new_url } => {
                let text = published(report, *took_ms, paint);
                match (report.outcome, new_url) {
                    (SiteOutcome::Unchanged, false) => return None,
                    (_, false) => text,
                    (_, true) => format!("{text}\n  {}", escape(&report.url)),
                }
            }
            Self::Removed { function } => {
                format!("removed {function}: the manifest does not name it any more")
            }
            Self::Wrong { function, word } => wrong(*function, word, paint),
            Self::Fine { function } => format!("{} is right again", function.unwrap_or("the manifest")),
            Self::Log { function, line } => log(function, line, paint),
            Self::Ran { function, record } => ran(function, record, paint),
            Self::GrantMissing { function, grant, line, keys } => {
                missing(function, grant, line, *keys, paint)
            }
            Self::GrantAdded { function, grant } => {
                format!("added {} to the grants of {function} in ostro.toml", escape(grant))
            }
            Self::Stopped => "stopped".to_owned(),
        };
        Some(text)
    }

    /// For programs: one object.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Ready { listen, admin } => json!({ "event": "ready", "listen": listen, "admin": admin }),
            Self::Building { function } => json!({ "event": "building", "function": function }),
            Self::Said { function, text } => json!({ "event": "said", "function": function, "text": text }),
            Self::Deployed { report, took_ms, .. } => json!({
                "event": "deployed", "function": report.function, "revision": report.revision,
                "outcome": report.outcome, "urls": report.urls, "took_ms": took_ms, "timing": report.timing,
            }),
            Self::Published { report, took_ms, .. } => json!({
                "event": "site", "version": report.version, "outcome": report.outcome, "files": report.files,
                "bytes": report.bytes, "url": report.url, "took_ms": took_ms,
            }),
            Self::Removed { function } => json!({ "event": "removed", "function": function }),
            Self::Wrong { function, word } => json!({
                "event": "error", "function": function, "code": word.code, "message": word.message,
                "hint": word.hint, "detail": word.detail, "excerpt": word.excerpt,
            }),
            Self::Fine { function } => json!({ "event": "fine", "function": function }),
            Self::Log { function, line } => json!({
                "event": "log", "function": function, "stream": line.stream, "level": line.level,
                "message": line.message, "at_ms": line.at_ms, "invocation": line.invocation,
            }),
            Self::Ran { function, record } => json!({
                "event": "invocation", "function": function, "id": record.id, "revision": record.revision,
                "trigger": record.trigger, "request": record.request, "status": record.status,
                "outcome": record.outcome, "detail": record.detail, "bill": record.bill,
            }),
            Self::GrantMissing { function, grant, line, .. } => {
                json!({ "event": "grant_missing", "function": function, "grant": grant, "line": line })
            }
            Self::GrantAdded { function, grant } => {
                json!({ "event": "grant_added", "function": function, "grant": grant })
            }
            Self::Stopped => json!({ "event": "stopped" }),
        }
    }
}

/// A revision that answers now, and what the deploy has taken away.
fn deployed(report: &DeployReport, took_ms: u64, paint: Paint) -> String {
    let DeployReport { function, revision, outcome, .. } = report;
    let took = units::millis(took_ms);
    let mut text = match outcome {
        DeployOutcome::Created => {
            format!("{} {function}: revision {revision} in {took}", paint.cyan("deployed"))
        }
        DeployOutcome::Rebound => format!(
            "{} {function}: revision {revision} with other routes, grants or triggers in {took}",
            paint.cyan("deployed")
        ),
        DeployOutcome::Unchanged => format!("unchanged {function}: revision {revision} in {took}"),
    };
    report.removed.iter().for_each(|removed| text.push_str(&format!("\n  removed {}", escape(removed))));
    text
}

/// A version of the site that is served now.
fn published(report: &SiteReport, took_ms: u64, paint: Paint) -> String {
    let did = match report.outcome {
        SiteOutcome::Created => paint.cyan("deployed"),
        SiteOutcome::Unchanged => "unchanged".into(),
    };
    let (files, took) = (counted(report.files), units::millis(took_ms));
    format!("{did} the site: version {}, {files} in {took}", report.version)
}

fn with_urls(text: String, report: &DeployReport) -> String {
    report.urls.iter().fold(text, |text, url| format!("{text}\n  {}", escape(url)))
}

fn wrong(function: Option<&str>, word: &Word, paint: Paint) -> String {
    let text = word.to_text(paint);
    let text = text.trim_end();
    match function {
        Some(function) => format!("{function}: {text}"),
        None => text.to_owned(),
    }
}

/// `shop | text`; the stream shows by its colour, and by a word where colours are not.
fn log(function: &str, line: &LogLine, paint: Paint) -> String {
    // Stack traces have several lines; the indent keeps a guest from writing what looks like another line of this.
    let message = crate::output::escape_block(line.message.trim_end()).replace('\n', "\n      ");
    match line.stream {
        LogStream::Platform => format!("{} {}", paint.dim(&format!("{function} !")), paint.yellow(&message)),
        LogStream::Stderr => format!("{} {}", paint.dim(&format!("{function} |")), paint.yellow(&message)),
        LogStream::Stdout => format!("{} {message}", paint.dim(&format!("{function} |"))),
        LogStream::Logging => {
            let level = line.level.as_str();
            let mark = paint.dim(&format!("{function} |"));
            match level {
                "warn" => format!("{mark} {} {message}", paint.yellow("warn")),
                "error" | "critical" => format!("{mark} {} {message}", paint.red(level)),
                _ => format!("{mark} {} {message}", paint.dim(&escape(level))),
            }
        }
    }
}

/// `shop GET /path 200 1.2 ms, cpu 0.8 ms, 1.4 MiB`
fn ran(function: &str, record: &InvocationRecord, paint: Paint) -> String {
    let status = match (record.status, record.outcome) {
        (0, OutcomeCode::Ok) => "done".to_owned(),
        (0, outcome) => paint.red(outcome.name()),
        (status, OutcomeCode::Ok) if status < 500 => status.to_string(),
        (status, OutcomeCode::Ok) => paint.red(&status.to_string()),
        (status, outcome) => paint.red(&format!("{status} {}", outcome.name())),
    };
    let bill = format!(
        "{}, cpu {}, {}",
        units::micros(record.bill.wall_us),
        units::micros(record.bill.cpu_us),
        units::bytes(record.bill.peak_memory_bytes)
    );
    format!("{} {} {status} {}", paint.dim(function), escape(&record.request), paint.dim(&bill))
}

fn missing(function: &str, grant: &str, line: &str, keys: bool, paint: Paint) -> String {
    let what = paint.yellow(&format!("{function} needs the grant {}", escape(grant)));
    let line = escape(line);
    match keys {
        true => format!("{what}\n  press {} to write into ostro.toml: {line}", paint.cyan("a")),
        false => format!("{what}\n  write into ostro.toml, under [function.{function}]: {line}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn record(status: u16, outcome: &str) -> InvocationRecord {
        from_value(json!({
            "id": ID, "function": ID, "revision": 3, "trigger": "http", "started_ms": 7,
            "request": "GET /x\u{1b}", "outcome": outcome, "status": status,
            "bill": { "cpu_us": 800, "wall_us": 1_250, "wait_us": 0, "peak_memory_bytes": 1_468_007,
                      "bytes_in": 0, "bytes_out": 5 },
        }))
        .unwrap()
    }

    fn line(stream: &str, level: &str) -> LogLine {
        from_value(json!({
            "at_ms": 7, "function": ID, "revision": 3, "invocation": ID, "stream": stream, "level": level,
            "message": "hi\u{1b}[2J",
        }))
        .unwrap()
    }

    fn report(outcome: &str) -> DeployReport {
        from_value(json!({
            "project": "default", "function": "shop", "revision": 2, "outcome": outcome, "digest": "",
            "kind": "http02", "removed": ["the route /old"], "urls": ["http://shop.localhost:8700/"],
            "timing": runtime::control::wire::DeployTiming::default(),
        }))
        .unwrap()
    }

    #[test]
    fn an_invocation_is_one_line() {
        for (status, outcome, expected) in [
            (200, "ok", "shop GET /x\\u{1b} 200 1.2 ms, cpu 800 µs, 1.4 MiB"),
            (500, "trap", "shop GET /x\\u{1b} 500 trap 1.2 ms, cpu 800 µs, 1.4 MiB"),
            (0, "ok", "shop GET /x\\u{1b} done 1.2 ms, cpu 800 µs, 1.4 MiB"),
            (0, "deadline", "shop GET /x\\u{1b} deadline 1.2 ms, cpu 800 µs, 1.4 MiB"),
        ] {
            let record = record(status, outcome);
            let ran = Happening::Ran { function: "shop", record: &record };
            assert_eq!(ran.to_text(Paint::Plain).unwrap(), expected);
        }
    }

    #[test]
    fn a_log_line_is_harmless_and_says_where_it_is_from() {
        for (stream, level, expected) in [
            ("stdout", "info", "shop | hi\\u{1b}[2J"),
            ("stderr", "info", "shop | hi\\u{1b}[2J"),
            ("logging", "debug", "shop | debug hi\\u{1b}[2J"),
            ("logging", "critical", "shop | critical hi\\u{1b}[2J"),
            ("platform", "warn", "shop ! hi\\u{1b}[2J"),
        ] {
            let line = line(stream, level);
            let log = Happening::Log { function: "shop", line: &line };
            assert_eq!(log.to_text(Paint::Plain).unwrap(), expected);
        }
    }

    #[test]
    fn deploys_name_the_revision_and_where_it_answers() {
        let text = |outcome, new_urls, built| {
            let report = report(outcome);
            Happening::Deployed { report: &report, took_ms: 812, new_urls, built }.to_text(Paint::Plain)
        };
        let (removed, url) = ("\n  removed the route /old", "\n  http://shop.localhost:8700/");
        let created = format!("deployed shop: revision 2 in 0.8 s{removed}");
        assert_eq!(text("created", false, true), Some(created.clone()));
        assert_eq!(text("created", true, true), Some(format!("{created}{url}")));
        let rebound = "deployed shop: revision 2 with other routes, grants or triggers in 0.8 s";
        assert_eq!(text("rebound", false, false), Some(format!("{rebound}{removed}")));
        let unchanged = format!("unchanged shop: revision 2 in 0.8 s{removed}");
        assert_eq!(text("unchanged", false, true), Some(unchanged.clone()));
        assert_eq!(text("unchanged", true, false), Some(format!("{unchanged}{url}")));
        assert_eq!(text("unchanged", false, false), None);
    }

    #[test]
    fn a_missing_grant_comes_with_its_line() {
        let text = |keys| {
            let line = "grants = [\"secret:A\"]";
            let missing = Happening::GrantMissing { function: "shop", grant: "secret:A", line, keys };
            missing.to_text(Paint::Plain).unwrap()
        };
        let first = "shop needs the grant secret:A\n  ";
        assert_eq!(text(true), format!("{first}press a to write into ostro.toml: grants = [\"secret:A\"]"));
        let without = "write into ostro.toml, under [function.shop]: grants = [\"secret:A\"]";
        assert_eq!(text(false), format!("{first}{without}"));
    }

    #[test]
    fn every_event_has_its_name() {
        let (record, line, report) = (record(200, "ok"), line("stdout", "info"), report("created"));
        let mut word = Word::new("local", "app.js:1:2: no");
        word.excerpt = Some("  1 | x\n".to_owned());
        for (happening, name) in [
            (Happening::Ready { listen: "a".into(), admin: "b".into() }, "ready"),
            (Happening::Building { function: "shop" }, "building"),
            (Happening::Said { function: "shop", text: "x" }, "said"),
            (Happening::Deployed { report: &report, took_ms: 1, new_urls: true, built: true }, "deployed"),
            (Happening::Removed { function: "shop" }, "removed"),
            (Happening::Wrong { function: None, word: &word }, "error"),
            (Happening::Fine { function: None }, "fine"),
            (Happening::Log { function: "shop", line: &line }, "log"),
            (Happening::Ran { function: "shop", record: &record }, "invocation"),
            (
                Happening::GrantMissing { function: "shop", grant: "a:b", line: "", keys: true },
                "grant_missing",
            ),
            (Happening::GrantAdded { function: "shop", grant: "a:b" }, "grant_added"),
            (Happening::Stopped, "stopped"),
        ] {
            assert_eq!(happening.to_json()["event"], name);
        }
        let error = Happening::Wrong { function: Some("shop"), word: &word }.to_json();
        assert_eq!(error["message"], "app.js:1:2: no");
        assert_eq!(error["excerpt"], "  1 | x\n");
        assert_eq!(error["function"], "shop");
    }
}
