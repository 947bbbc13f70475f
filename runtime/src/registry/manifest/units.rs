//! Sizes and durations as people write them: `128MiB`, `10s`.

/// Bytes from `64KiB`, `10MB`, `1GiB` or `512B`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(format!("`{text}` is not a size; write for example \"128MiB\"")),
    };
    scale(text, number, factor)
}

/// Milliseconds from `250ms`, `10s`, `5m`, `1h` or `14d`.
pub fn millis(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("`{text}` is not a duration; write for example \"10s\"")),
    };
    scale(text, number, factor)
}

/// A size in words: the largest unit that divides it.
pub fn show_bytes(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fits = units.iter().find(|(factor, _)| bytes >= *factor && bytes.is_multiple_of(*factor));
    fits.map_or_else(|| format!("{bytes}B"), |(factor, unit)| format!("{}{unit}", bytes / factor))
}

/// A duration in words: the largest unit that divides it.
pub fn show_millis(millis: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let fits = units.iter().find(|(factor, _)| millis >= *factor && millis.is_multiple_of(*factor));
    fits.map_or_else(|| format!("{millis}ms"), |(factor, unit)| format!("{}{unit}", millis / factor))
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    (number, unit.trim_start())
}

fn scale(text: &str, number: &str, factor: u64) -> Result<u64, String> {
    if number.is_empty() {
        return Err(format!("`{text}` does not start with a whole number"));
    }
    let number: Option<u64> = number.parse().ok();
    number.and_then(|number| number.checked_mul(factor)).ok_or_else(|| format!("`{text}` is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations() {
        for (text, expected) in [
            ("128MiB", Some(128 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("10MB", Some(10_000_000)),
            ("7b", Some(7)),
            ("MiB", None),
            ("1.5MiB", None),
            ("-1MiB", None),
            ("12", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text}");
        }
        for (text, expected) in [
            ("250ms", Some(250)),
            ("10s", Some(10_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("14d", Some(14 * 86_400_000)),
            ("999999999999d", None),
            ("1w", None),
            ("", None),
        ] {
            assert_eq!(millis(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for value in [1, 1023, 1024, 128 << 20, 3 << 30, 60_000, 61_000, 3_600_000, 86_400_000, 90_000_000] {
            assert_eq!(bytes(&show_bytes(value)), Ok(value));
            assert_eq!(millis(&show_millis(value)), Ok(value));
        }
    }
}
