//! Times, durations and sizes for people.

/// Milliseconds since 1970 as RFC 3339 in UTC, with the milliseconds always there so that lines align.
pub(crate) fn time(at_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(at_ms) {
        Ok(moment) => format!("{moment:.3}"),
        Err(_) => format!("{at_ms} ms"),
    }
}

/// The same to the second.
pub(crate) fn time_to_second(at_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(at_ms) {
        Ok(moment) => format!("{moment:.0}"),
        Err(_) => format!("{at_ms} ms"),
    }
}

/// Microseconds in the unit that fits.
pub(crate) fn micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..100_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        100_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

/// Milliseconds in the unit that fits.
pub(crate) fn millis(ms: u64) -> String {
    match ms {
        0..100 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

/// Bytes in the unit that fits.
pub(crate) fn bytes(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    let in_unit = |unit: u64, name: &str| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => in_unit(KIB, "KiB"),
        MIB..GIB => in_unit(MIB, "MiB"),
        _ => in_unit(GIB, "GiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(time_to_second(1_700_000_000_123), "2023-11-14T22:13:20Z");
        assert_eq!(time(i64::MAX), "9223372036854775807 ms");
        assert_eq!(
            [micros(7), micros(1_250), micros(250_000), micros(2_340_000)],
            ["7 µs", "1.2 ms", "250 ms", "2.3 s"]
        );
        assert_eq!([millis(4), millis(400), millis(12_340)], ["4 ms", "0.4 s", "12.3 s"]);
        assert_eq!(
            [bytes(12), bytes(1_536), bytes(64 << 20), bytes(3 << 30)],
            ["12 B", "1.5 KiB", "64.0 MiB", "3.0 GiB"]
        );
    }
}
