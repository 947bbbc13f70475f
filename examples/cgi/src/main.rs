//! A program with `std` and nothing else, run as CGI: it shows a form, and what was typed into it.
//!
//! The request is in environment variables and on standard input, the answer goes to standard output, the log to
//! standard error, and the folder `assets` is at `/assets`.

mod answer;
mod form;

use std::io::{self, Read as _};
use std::{env, fs};

use answer::{escaped, page};
use form::Form;

/// Longest form that is read, bytes.
const MAX_FORM_BYTES: u64 = 64 << 10;

fn main() -> io::Result<()> {
    let variable = |name| env::var(name).unwrap_or_default();
    match (variable("REQUEST_METHOD").as_str(), variable("PATH_INFO").as_str()) {
        ("GET" | "HEAD", "/") => page(200, "Order", FORM),
        ("POST", "/") => order(),
        ("GET" | "HEAD", path) => asset(path),
        _ => page(405, "No such thing", "<p>Only GET and POST are understood."),
    }
}

const FORM: &str = r#"<form method="post" action="">
<label>Your name <input name="name" required maxlength="100"></label>
<label>Cups <input name="cups" type="number" min="1" max="9" value="1"></label>
<button>Order</button>
</form>"#;

/// What was typed, checked and told back.
fn order() -> io::Result<()> {
    let mut body = Vec::new();
    io::stdin().take(MAX_FORM_BYTES).read_to_end(&mut body)?;
    let form = Form::parse(&body);
    let cups =
        form.get("cups").and_then(|cups| cups.parse::<u8>().ok()).filter(|cups| (1..=9).contains(cups));
    let (Some(name), Some(cups)) = (form.get("name").filter(|name| !name.is_empty()), cups) else {
        return page(422, "Order", &format!("<p>A name and one to nine cups, please.\n{FORM}"));
    };
    eprintln!("{cups} cups");
    let greeting = escaped(&greeting());
    let cups = if cups == 1 { "one cup".to_owned() } else { format!("{cups} cups") };
    page(200, "Thank you", &format!("<p>{greeting}, {}! It will be {cups}.", escaped(name)))
}

/// What follows `--greeting` among the arguments.
fn greeting() -> String {
    let mut arguments = env::args().skip_while(|argument| argument != "--greeting");
    arguments.nth(1).unwrap_or_else(|| "Hello".to_owned())
}

/// A file out of `/assets`, which nothing leads out of.
fn asset(path: &str) -> io::Result<()> {
    let kind = match path.rsplit_once('.') {
        Some((_, "css")) => "text/css",
        Some((_, "txt")) => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    match fs::read(format!("/assets{path}")) {
        Ok(content) => answer::write(200, kind, &content),
        Err(_) => page(404, "Not here", "<p><a href=\"/\">Order</a>"),
    }
}
