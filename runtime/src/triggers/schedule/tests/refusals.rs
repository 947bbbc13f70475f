//! What is refused, and where the fault is.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::*;

/// Expression, the byte of the fault, a part of the message, a part of the hint.
const REFUSED: &[(&str, usize, &str, &str)] = &[
    ("", 0, "empty", "five fields"),
    (" \t ", 0, "empty", ""),
    ("0 0 30 2 *", 4, "never fires", "`L`"),
    ("0 0 31 4,6,9,11 *", 4, "never fires", ""),
    ("0 0 30W feb *", 4, "never fires", ""),
    ("0 0 31W 2,4 *", 4, "never fires", ""),
    ("* * * * * *", 10, "not 6", "one minute is the shortest"),
    ("0 * * * * * 2025", 10, "not 7", "seconds"),
    ("* * * *", 7, "the day of week is missing", ""),
    ("*", 1, "the hour is missing", ""),
    ("  5 4", 5, "the day of month is missing", ""),
    ("@every 1ns", 0, "`@every`", "one minute is the shortest"),
    (" @reboot", 1, "not a time", ""),
    ("@dayly", 0, "unknown nickname", "@daily"),
    ("@daily @daily", 0, "unknown nickname", ""),
    ("60 * * * *", 0, "`60` is not a minute", "0 to 59"),
    ("* 24 * * *", 2, "`24` is not an hour", "0 to 23"),
    ("* * 0 * *", 4, "not a day of month", "1 to 31"),
    ("* * 32 * *", 4, "not a day of month", ""),
    ("* * * 13 *", 6, "not a month", "JAN to DEC"),
    ("* * * * 8", 8, "not a day of week", "SUN to SAT"),
    ("2147483648 * * * *", 0, "not a minute", ""),
    ("4294967296 * * * *", 0, "not a minute", ""),
    ("* * * * 1#4294967297", 10, "1 to 5", ""),
    ("99999999999999999999999 * * * *", 0, "not a minute", ""),
    ("*/0 * * * *", 2, "not a step", "1 to 60"),
    ("*/61 * * * *", 2, "not a step", ""),
    ("*/2147483648 * * * *", 2, "not a step", ""),
    ("*/ * * * *", 2, "not a step", ""),
    ("*/5/5 * * * *", 2, "not a step", ""),
    ("5/15 * * * *", 0, "a step needs", "`5-59/15`"),
    ("/5 * * * *", 0, "`` is not a minute", ""),
    ("30-10 * * * *", 0, "runs backwards", "two ranges"),
    ("1-2-3 * * * *", 2, "`2-3` is not a minute", ""),
    ("1- * * * *", 2, "`` is not a minute", ""),
    ("-1 * * * *", 0, "`` is not a minute", ""),
    ("+1 * * * *", 0, "`+1`", ""),
    ("1,,2 * * * *", 2, "missing here", ""),
    ("1, * * * *", 2, "missing here", ""),
    (", * * * *", 0, "missing here", ""),
    ("1,* * * * *", 2, "can't stand in a list", ""),
    ("? * * * *", 0, "`?`", ""),
    ("L * * * *", 0, "`L`", ""),
    ("* * L,LW * *", 4, "can't stand in one list", ""),
    ("* * L-3 * *", 4, "`L` is not a day of month", ""),
    ("* * 32W * *", 4, "not a day of month", ""),
    ("* * W * *", 4, "`` is not a day", ""),
    ("* * 1-5W * *", 4, "`1-5` is not a day", ""),
    ("* * * * L", 8, "needs a day of the week", "5L"),
    ("* * * * 5#0", 10, "1 to 5", ""),
    ("* * * * 5#6", 10, "1 to 5", ""),
    ("* * * * 5#", 10, "1 to 5", ""),
    ("* * * * MONDAY", 8, "`MONDAY`", ""),
    ("* * * * mon,fri,xyz", 16, "`xyz`", ""),
    ("* * * * FRI-MON", 8, "runs backwards", ""),
    ("* * * JAN-13 *", 10, "`13`", ""),
    ("MON * * * *", 0, "`MON` is not a minute", ""),
    ("* * * * +1", 8, "`+1`", ""),
    ("H * * * *", 0, "`H`", ""),
    ("* * ü * *", 4, "`ü`", ""),
    ("٣ * * * *", 0, "`٣`", ""),
    ("* *\u{a0}* * *", 3, "not a space", ""),
    ("*\n* * * *", 1, "not a space", ""),
    ("\0 * * * *", 0, "not a space", ""),
];

#[test]
fn g1_malformed_and_never_firing_expressions_are_refused_with_their_position() {
    for (expression, offset, message, hint) in REFUSED.iter().copied() {
        let error = Schedule::parse(expression, "UTC").expect_err(expression);
        assert_eq!(error.offset, Some(offset), "{expression:?}: {error:?}");
        assert!(expression.is_char_boundary(offset));
        assert!(error.message.contains(message), "{expression:?}: {error:?}");
        assert!(error.hint.clone().unwrap_or_default().contains(hint), "{expression:?}: {error:?}");
    }
}

#[test]
fn g1_length_is_bounded() {
    let list = |count: usize| format!("{} * * * *", vec!["1"; count].join(","));
    assert!(Schedule::parse(&list(124), "UTC").is_ok(), "256 bytes or less");
    let error = Schedule::parse(&list(125), "UTC").unwrap_err();
    assert!(error.message.contains("longer than 256 bytes"), "{error:?}");
    assert!(Schedule::parse(&"1".repeat(10 << 20), "UTC").is_err());
}

#[test]
fn unknown_zones_are_refused() {
    for zone in ["", "Mars/Olympus", "Europe/../etc/passwd", "/etc/localtime", "UTC\0", &"x".repeat(1 << 20)]
    {
        let error = Schedule::parse("@daily", zone).unwrap_err();
        assert_eq!(error.offset, None);
        assert!(error.message.starts_with("unknown time zone") && error.message.len() < 500, "{error:?}");
    }
}

/// The rarest day, in the zone with the most changes of offset, at every bad start: each step takes well under
/// a thousandth of a second, here with room for a slow machine.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test measures real time")]
fn g1_hostile_expressions_are_quick() {
    let rare = ["0 0 29 2 *", "0 * * 2 1#5", "0 * 29W 2 *", "* * * 2 5#5"];
    let wide = (0..60).map(|minute| minute.to_string()).collect::<Vec<_>>().join(",");
    let wide = format!("{wide} * * * *");
    for expression in rare.into_iter().map(str::to_owned).chain([wide]) {
        for zone in ["America/New_York", "Africa/Casablanca", "UTC", "Asia/Manila"] {
            let began = Instant::now();
            let schedule = Schedule::parse(&expression, zone).unwrap();
            let mut at = -4_000_000_000_000;
            for _ in 0..100 {
                at = schedule.next_after(at).unwrap();
            }
            assert!(began.elapsed() < Duration::from_secs(2), "{expression} {zone}: {:?}", began.elapsed());
        }
    }
}

proptest! {
    #[test]
    fn g1_never_panics(text in "\\PC{0,60}", zone in "\\PC{0,20}", at in any::<i64>()) {
        if let Err(error) = Schedule::parse(&text, "UTC") {
            prop_assert!(error.offset.is_some_and(|offset| text.is_char_boundary(offset)), "{text:?} {error:?}");
        }
        if let Ok(schedule) = Schedule::parse("@daily", &zone) {
            schedule.next_after(at);
        }
    }

    /// What this accepts, croner reads; what is near to an expression never panics.
    #[test]
    fn g1_never_panics_near_the_truth(text in "([0-9*?LW#,/@-]|MON|JAN| ){1,40}", at in any::<i64>(), span in any::<u32>()) {
        match Schedule::parse(&text, "Europe/Berlin") {
            Ok(schedule) => {
                let next = schedule.next_after(at);
                prop_assert!(next.is_none_or(|next| next > at));
                schedule.count(at, at.saturating_add(i64::from(span)));
            }
            Err(error) => {
                prop_assert!(error.offset.is_some_and(|offset| text.is_char_boundary(offset)));
                prop_assert!(!error.message.contains("rror:"), "the refusal is our own: {error:?}");
            }
        }
    }
}
