//! Lines, and where a broken stream goes on.

use runtime::control::wire::LogLine;
use serde_json::json;

use super::*;

fn line(at_ms: i64, message: &str) -> LogLine {
    serde_json::from_value(json!({
        "at_ms": at_ms, "function": "00000000-0000-0000-0000-000000000001", "revision": 3,
        "invocation": "00000000-0000-0000-0000-000000000002", "stream": "stdout", "level": "info", "message": message,
    }))
    .unwrap()
}

fn stream(lines: &[LogLine]) -> Vec<u8> {
    lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n\n").collect::<String>().into_bytes()
}

fn messages(lines: &[LogLine], seen: &mut Seen) -> Vec<String> {
    let mut messages = Vec::new();
    read_stream(stream(lines).as_slice(), seen, |line| {
        messages.push(line.message.clone());
        Ok(())
    })
    .unwrap();
    messages
}

#[test]
fn a_line_can_not_forge_another() {
    let forged = line(0, "a\n1970 r1 stdout b\u{1b}[2J");
    assert_eq!(
        pretty(&forged, Paint::Plain),
        "1970-01-01T00:00:00.000Z r3 stdout a\n    1970 r1 stdout b\\u{1b}[2J"
    );
}

#[test]
fn a_broken_stream_goes_on_without_loss_or_repetition() {
    let mut seen = Seen { since_ms: Some(1), at_that_ms: Vec::new() };
    let before = [line(5, "a"), line(7, "b"), line(7, "b"), line(6, "late")];
    assert_eq!(messages(&before, &mut seen), ["a", "b", "b", "late"]);
    assert_eq!(seen.since_ms, Some(7));
    assert!(messages(&[], &mut seen).is_empty());
    let after = [line(7, "b"), line(7, "b"), line(7, "b"), line(8, "c")];
    assert_eq!(messages(&after, &mut seen), ["b", "c"]);
    assert_eq!(seen.since_ms, Some(8));
}

#[test]
fn a_cut_line_ends_the_stream() {
    let mut bytes = stream(&[line(1, "whole")]);
    bytes.extend_from_slice(b"{\"at_ms\":2,");
    let mut count = 0;
    let mut seen = Seen { since_ms: None, at_that_ms: Vec::new() };
    read_stream(bytes.as_slice(), &mut seen, |_| {
        count += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn only_passing_failures_are_waited_out() {
    assert!(is_passing(&Failure::Failed(Box::new(crate::failure::Word::new("unreachable", "x")))));
    assert!(!is_passing(&Failure::Failed(Box::new(crate::failure::Word::new("not_found", "x")))));
    assert!(!is_passing(&Failure::OutputClosed));
}
