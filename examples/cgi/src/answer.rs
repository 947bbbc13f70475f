//! Answers in the form of CGI: a header block, an empty line, the body.

use std::io::{self, Write as _};

/// Answers with a page of that title.
pub fn page(status: u16, title: &str, content: &str) -> io::Result<()> {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<title>{title}</title>\n<link rel=\"stylesheet\" href=\"style.css\">\n\
         <h1>{title}</h1>\n{content}\n"
    );
    write(status, "text/html; charset=utf-8", page.as_bytes())
}

/// Answers with bytes of that media type.
pub fn write(status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "Status: {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    out.write_all(body)?;
    out.flush()
}

/// Text as it may stand in a page.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}
