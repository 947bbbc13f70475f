//! The log's limits, line splitting and redaction (threat C3, and F7 for secrets).

use proptest::prelude::*;

use super::*;
use crate::HostLimits;
use crate::grants::Grants;

#[derive(Default)]
struct Lines(Mutex<Vec<(LogSource, &'static str, String)>>);

impl LogSink for Lines {
    fn line(&self, source: LogSource, level: &'static str, message: String) {
        self.0.lock().unwrap().push((source, level, message));
    }
}

/// A log that has begun, with small limits and one secret, `TOKEN`.
struct Fixture {
    lines: Arc<Lines>,
    log: LogWriter,
    meter: Meter,
}

const SECRET: &str = "hunter2-hunter2";

impl Fixture {
    fn new(limits: &HostLimits) -> Self {
        let lines = Arc::new(Lines::default());
        let meter = Meter::default();
        let log = LogWriter::new(meter.clone(), limits.log_line_bytes);
        let grants = Grants::parse(&["secret:TOKEN"]).unwrap();
        let secrets = SecretValues::new(&grants, [("TOKEN".to_owned(), SECRET.to_owned())]);
        meter.begin(limits);
        log.begin(lines.clone(), Arc::new(secrets));
        Self { lines, log, meter }
    }

    fn small() -> Self {
        Self::new(&HostLimits {
            log_bytes: 100,
            log_lines: 10,
            log_line_bytes: 20,
            platform_lines: 3,
            ..HostLimits::default()
        })
    }

    fn stdout(&self, text: &str) -> &Self {
        self.log.write(Stream::Stdout, text.as_bytes());
        self
    }

    fn guest_lines(&self) -> Vec<String> {
        let lines = self.lines.0.lock().unwrap();
        lines
            .iter()
            .filter(|(source, ..)| *source != LogSource::Platform)
            .map(|(.., text)| text.clone())
            .collect()
    }

    fn platform_lines(&self) -> usize {
        self.lines.0.lock().unwrap().iter().filter(|(source, ..)| *source == LogSource::Platform).count()
    }
}

#[test]
fn lines_are_put_together_from_writes_of_any_size() {
    let fixture = Fixture::small();
    fixture.stdout("on").stdout("e\ntw").stdout("o\r\n\nthr").stdout("ee");
    assert_eq!(fixture.guest_lines(), ["one", "two", ""]);
    fixture.log.end();
    assert_eq!(fixture.guest_lines(), ["one", "two", "", "three"]);
    assert_eq!(fixture.meter.dropped_bytes(), 0);
}

#[test]
fn streams_do_not_mix_and_have_their_levels() {
    let fixture = Fixture::small();
    fixture.log.write(Stream::Stdout, b"out");
    fixture.log.write(Stream::Stderr, b"err\n");
    fixture.log.write(Stream::Stdout, b"put\n");
    fixture.log.message(LogSource::Logging, "warn", "two\nlines");
    fixture.log.platform("error", "why");
    let lines = fixture.lines.0.lock().unwrap();
    let expected = [
        (LogSource::Stderr, "error", "err"),
        (LogSource::Stdout, "info", "output"),
        (LogSource::Logging, "warn", "two\nlines"),
        (LogSource::Platform, "error", "why"),
    ];
    assert_eq!(*lines, expected.map(|(source, level, text)| (source, level, text.to_owned())));
}

#[test]
fn c3_a_line_is_cut_at_its_limit() {
    for (length, shown, dropped) in [(19, 19, 0), (20, 20, 0), (21, 20, 1), (1000, 20, 980)] {
        let fixture = Fixture::small();
        fixture.stdout(&"x".repeat(length)).stdout("\n");
        assert_eq!(fixture.guest_lines(), ["x".repeat(shown)], "{length}");
        assert_eq!(fixture.meter.dropped_bytes(), dropped, "{length}");
    }
}

#[test]
fn c3_a_cut_leaves_whole_characters() {
    let fixture = Fixture::small();
    fixture.stdout(&"ü".repeat(11)).stdout("\n").stdout(&format!("a{}\n", "ü".repeat(11)));
    assert_eq!(fixture.guest_lines(), ["ü".repeat(10), format!("a{}", "ü".repeat(9))]);
}

#[test]
fn c3_the_log_of_an_invocation_ends_at_its_limit() {
    for (last, kept, dropped) in [(18, 5, 0), (19, 5, 0), (20, 4, 20)] {
        let fixture = Fixture::small();
        fixture.stdout(&format!("{}\n", "x".repeat(19)).repeat(4));
        fixture.stdout(&format!("{}\n", "y".repeat(last)));
        assert_eq!(fixture.guest_lines().len(), kept, "{last}");
        assert_eq!(fixture.meter.dropped_bytes(), dropped, "{last}");
        assert_eq!(fixture.platform_lines(), usize::from(kept == 4), "{last}");
    }
}

#[test]
fn c3_a_full_log_says_so_once_and_counts_on() {
    let fixture = Fixture::small();
    for _ in 0..100 {
        fixture.stdout("x\n");
        fixture.log.message(LogSource::Logging, "info", "y");
    }
    assert_eq!(fixture.guest_lines().len(), 10, "so many lines, however short");
    assert_eq!(fixture.platform_lines(), 1);
    assert_eq!(
        fixture.meter.dropped_bytes(),
        95 * 2 + 95 - 1,
        "the line that closed the log counts without its end"
    );
}

#[test]
fn c3_refusals_cannot_flood_the_log() {
    let fixture = Fixture::small();
    (0..1000).for_each(|_| fixture.log.platform("warn", "refused"));
    assert_eq!(fixture.platform_lines(), 3);
}

#[test]
fn c3_a_huge_message_and_odd_bytes() {
    let fixture = Fixture::small();
    fixture.log.message(LogSource::Logging, "info", &"z".repeat(1 << 20));
    fixture.log.write(Stream::Stdout, b"\x1b[31m\0\xff\xfe{\"a\":1}\n");
    assert_eq!(fixture.guest_lines(), ["z".repeat(20), "\u{1b}[31m\0\u{fffd}\u{fffd}{\"a\":1}".to_owned()]);
}

#[test]
fn a_new_invocation_has_a_new_log() {
    let fixture = Fixture::small();
    fixture.stdout("before").stdout(&"x".repeat(500));
    fixture.log.end();
    fixture.stdout("between\n");
    let second = Arc::new(Lines::default());
    fixture.meter.begin(&HostLimits::default());
    fixture.log.begin(second.clone(), Arc::default());
    fixture.stdout("after\n");
    fixture.log.end();
    assert_eq!(second.0.lock().unwrap().as_slice(), [(LogSource::Stdout, "info", "after".to_owned())]);
    assert_eq!(fixture.meter.dropped_bytes(), 0);
}

proptest! {
    /// However a secret is split over writes, padded and cut, no five bytes of it in a row are shown.
    #[test]
    fn f7_no_part_of_a_secret_is_shown(before in 0_usize..40, splits in prop::collection::vec(1_usize..9, 0..20)) {
        let fixture = Fixture::new(&HostLimits { log_line_bytes: 32, ..HostLimits::default() });
        let text = format!("{}{SECRET} {SECRET}{SECRET}{}\n", ".".repeat(before), ".".repeat(40));
        let mut rest = text.as_bytes();
        for size in splits {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            fixture.log.write(Stream::Stdout, piece);
            rest = after;
        }
        fixture.log.write(Stream::Stdout, rest);
        for line in fixture.guest_lines() {
            prop_assert!(line.len() <= 32);
            for part in SECRET.as_bytes().windows(5) {
                prop_assert!(!line.contains(std::str::from_utf8(part).unwrap()), "{}", line);
            }
        }
    }
}
