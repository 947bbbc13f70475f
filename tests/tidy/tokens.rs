//! Rust's words without comments and texts: enough to see which names a file uses.

/// A name, a lifetime, a number, `::`, or one other character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Line, from 1.
    pub line: usize,
    /// As it stands in the file.
    pub text: &'a str,
}

/// The tokens of a file. Comments, texts and characters are left out.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, is_token) = next(rest);
        let text = &rest[..length];
        if is_token {
            found.push(Token { line, text });
        }
        line += text.matches('\n').count();
        at += length;
    }
    found
}

/// The length of what comes next, bytes, and whether it counts.
fn next(rest: &str) -> (usize, bool) {
    let first = rest.chars().next().unwrap_or_default();
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    if let Some(length) = text(rest) {
        return (length, false);
    }
    if first == '\'' {
        return quote(rest);
    }
    if is_name(first) {
        return (name(rest), true);
    }
    if rest.starts_with("::") {
        return (2, true);
    }
    (first.len_utf8(), !first.is_whitespace())
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn name(rest: &str) -> usize {
    rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())
}

/// Comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// `"…"`, `b"…"`, `c"…"`, `r"…"`, `br#"…"#`: the length of the text, if one begins here.
fn text(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = rest.strip_prefix(prefix).unwrap_or_default();
        after.starts_with('"') || (prefix.ends_with('r') && after.trim_start_matches('#').starts_with('"'))
    })?;
    let after = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = hashes + 1;
        return Some(after[body..].find(&end).map_or(rest.len(), |at| prefix.len() + body + at + end.len()));
    }
    let mut escaped = false;
    for (at, byte) in after.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return Some(prefix.len() + at + 1),
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    Some(rest.len())
}

/// A character is left out, a lifetime is a token.
fn quote(rest: &str) -> (usize, bool) {
    let inside = &rest[1..];
    if let Some(escape) = inside.strip_prefix('\\') {
        // The escaped character itself may be a quote.
        let skipped = escape.chars().next().map_or(0, char::len_utf8);
        return (escape[skipped..].find('\'').map_or(rest.len(), |end| 2 + skipped + end + 1), false);
    }
    let first = inside.chars().next().map_or(0, char::len_utf8);
    match inside[first..].starts_with('\'') {
        true => (1 + first + 1, false),
        false => (1 + name(inside), true),
    }
}
