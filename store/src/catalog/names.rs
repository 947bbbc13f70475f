//! What projects, functions and queues may be called. Pure.

/// Names of functions, projects and queues: `[a-z0-9-]{1,40}`, no `--`, no `-` at either end. The error says what is
/// wrong.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 40 {
        return Err("a name has 1 to 40 characters");
    }
    if !name.bytes().all(valid) {
        return Err("a name has only lower-case letters, digits and `-`");
    }
    if name.contains("--") {
        return Err("a name has no `--`, which separates function and project in host names");
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err("a name neither starts nor ends with `-`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["a", "hello", "a-b-c", "0", &"x".repeat(40)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "A", "a_b", "a.b", "ä", "a b", &"x".repeat(41)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
