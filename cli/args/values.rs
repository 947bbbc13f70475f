//! Values of options: text in, meaning or a word about the fault out.

use std::{path::PathBuf, time::Duration};

use runtime::control::wire::{AuthMode, JobState, Scope};

/// A route as given by `--route`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteFlag {
    /// Upper case; empty means any.
    pub(crate) methods: Vec<String>,
    /// Pattern, starts with `/`.
    pub(crate) path: String,
}

/// How far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long before now.
    Ago(Duration),
    /// Milliseconds since 1970.
    At(i64),
}

impl Since {
    /// The moment, in milliseconds since 1970.
    pub(crate) fn moment_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Ago(ago) => {
                now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)).max(0)
            }
            Self::At(moment_ms) => moment_ms,
        }
    }
}

/// A request body, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// The body itself.
    Text(String),
    /// In a file.
    File(PathBuf),
    /// On standard input.
    Stdin,
}

/// `/path`, or `GET,POST /path`.
pub(super) fn route(text: &str) -> Result<RouteFlag, String> {
    let (methods, path) = match text.trim().split_once(char::is_whitespace) {
        Some((methods, path)) => (methods, path.trim_start()),
        None => ("", text.trim()),
    };
    if !path.starts_with('/') || path.contains(char::is_whitespace) {
        return Err("a route is `/path`, or methods and a path: `GET,POST /path`".to_owned());
    }
    let methods = methods.split(',').filter(|m| !m.is_empty()).map(method).collect::<Result<_, _>>()?;
    Ok(RouteFlag { methods, path: path.to_owned() })
}

/// An HTTP method, put in upper case.
pub(super) fn method(text: &str) -> Result<String, String> {
    let is_method = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    match is_method {
        true => Ok(text.to_ascii_uppercase()),
        false => Err(format!("`{}` is not an HTTP method", text.escape_debug())),
    }
}

/// A path with an optional query.
pub(super) fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("a path starts with `/`".to_owned()),
    }
}

/// `NAME=VALUE`.
pub(super) fn env(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("an environment variable is NAME=VALUE".to_owned()),
    }
}

/// `NAME=RESOURCE`.
pub(super) fn binding(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, resource)) if !name.is_empty() && resource.contains(':') => {
            Ok((name.to_owned(), resource.to_owned()))
        }
        _ => Err("a binding is NAME=RESOURCE, such as MAIL=queue:mail".to_owned()),
    }
}

/// The text itself, `@FILE` or `-`.
pub(super) fn data(text: &str) -> Result<Data, String> {
    match text.strip_prefix('@') {
        Some("") => Err("the name of a file follows `@`".to_owned()),
        Some(file) => Ok(Data::File(PathBuf::from(file))),
        None if text == "-" => Ok(Data::Stdin),
        None => Ok(Data::Text(text.to_owned())),
    }
}

/// `@FILE` or `-`.
pub(super) fn lines(text: &str) -> Result<Data, String> {
    match data(text)? {
        Data::Text(_) => Err("lines come from @FILE, or from standard input with `-`".to_owned()),
        from => Ok(from),
    }
}

/// `age,-name`, or JSON as it is: the order of documents.
pub(super) fn sort(text: &str) -> Result<String, String> {
    if text.starts_with(['{', '[']) {
        return json(text);
    }
    let fields = field_list(text)?.into_iter().map(|(field, leads)| (field, if leads { 1 } else { -1 }));
    Ok(serde_json::json!(fields.collect::<Vec<_>>()).to_string())
}

/// `name,email`, `-secret`, or JSON as it is: which fields of documents.
pub(super) fn fields(text: &str) -> Result<String, String> {
    if text.starts_with('{') {
        return json(text);
    }
    let fields =
        field_list(text)?.into_iter().map(|(field, with)| (field, serde_json::json!(u8::from(with))));
    Ok(serde_json::Value::Object(fields.collect()).to_string())
}

/// Fields with commas between them, false for those with `-` before them.
fn field_list(text: &str) -> Result<Vec<(String, bool)>, String> {
    let field = |field: &str| match (field.strip_prefix('-'), field) {
        (Some("") | None, "" | "-") => Err("fields have commas between them: age,-name".to_owned()),
        (Some(field), _) => Ok((field.to_owned(), false)),
        (None, field) => Ok((field.to_owned(), true)),
    };
    text.split(',').map(str::trim).map(field).collect()
}

fn json(text: &str) -> Result<String, String> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}")),
    }
}

/// How far a job has come.
pub(super) fn state(text: &str) -> Result<JobState, String> {
    let state = JobState::ALL.into_iter().find(|state| state.name() == text);
    state.ok_or_else(|| "a state is waiting, running, done or dead".to_owned())
}

/// The id of a job: 32 hexadecimal digits with hyphens.
pub(super) fn job(text: &str) -> Result<String, String> {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    match groups == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit()) {
        true => Ok(text.to_owned()),
        false => Err("the id of a job is such as 019c2f6e-8a41-7c30-9d52-6f1f0e6a3b7d".to_owned()),
    }
}

/// What a token may do.
pub(super) fn scope(text: &str) -> Result<Scope, String> {
    match text {
        "deploy" => Ok(Scope::Deploy),
        "read" => Ok(Scope::Read),
        "invoke" => Ok(Scope::Invoke),
        "admin" => Ok(Scope::Admin),
        _ => Err("a scope is deploy, read, invoke or admin".to_owned()),
    }
}

/// Whether callers have to be signed in.
pub(super) fn auth(text: &str) -> Result<AuthMode, String> {
    match text {
        "none" => Ok(AuthMode::None),
        "optional" => Ok(AuthMode::Optional),
        "required" => Ok(AuthMode::Required),
        _ => Err("it is none, optional or required".to_owned()),
    }
}

/// `90s`, `10m`, `2h30m`, `1d`, or an RFC 3339 time.
pub(super) fn since(text: &str) -> Result<Since, String> {
    if let Some(ago) = duration(text) {
        return Ok(Since::Ago(ago));
    }
    let moment: jiff::Timestamp = text.parse().map_err(|_| {
        "a time is 90s, 10m, 2h30m or 1d (ago), or one such as 2026-01-31T08:00:00Z".to_owned()
    })?;
    Ok(Since::At(moment.as_millisecond()))
}

/// One or more whole numbers with a unit each.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let unit = tail.chars().next()?;
        let unit_seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit_seconds)?)?;
        rest = tail.get(unit.len_utf8()..)?;
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let route_of = |methods: &[&str], path: &str| RouteFlag {
            methods: methods.iter().map(|&m| m.to_owned()).collect(),
            path: path.to_owned(),
        };
        assert_eq!(route("/a").unwrap(), route_of(&[], "/a"));
        assert_eq!(route("get,POST  /a/{id}").unwrap(), route_of(&["GET", "POST"], "/a/{id}"));
        assert_eq!(route(" PUT /{*rest} ").unwrap(), route_of(&["PUT"], "/{*rest}"));
        for wrong in ["", "a", "GET", "GET a", "G3T /a", "/a b", "GET /a /b"] {
            assert!(route(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn environment() {
        assert_eq!(env("A=b=c").unwrap(), ("A".to_owned(), "b=c".to_owned()));
        assert_eq!(env("A=").unwrap(), ("A".to_owned(), String::new()));
        assert!(env("A").is_err());
        assert!(env("=b").is_err());
    }

    #[test]
    fn bindings() {
        assert_eq!(binding("MAIL=queue:mail").unwrap(), ("MAIL".to_owned(), "queue:mail".to_owned()));
        for wrong in ["", "MAIL", "=queue:mail", "MAIL=", "MAIL=mail"] {
            assert!(binding(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn bodies() {
        assert_eq!(data("-").unwrap(), Data::Stdin);
        assert_eq!(data("@a b").unwrap(), Data::File(PathBuf::from("a b")));
        assert_eq!(data("").unwrap(), Data::Text(String::new()));
        assert_eq!(data("-x").unwrap(), Data::Text("-x".to_owned()));
        assert!(data("@").is_err());
    }

    #[test]
    fn lines_come_from_files_and_streams() {
        assert_eq!(lines("-").unwrap(), Data::Stdin);
        assert_eq!(lines("@a b").unwrap(), Data::File(PathBuf::from("a b")));
        for wrong in ["", "a.txt", "@"] {
            assert!(lines(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn orders_and_choices_of_fields() {
        assert_eq!(sort("age,-name.first").unwrap(), r#"[["age",1],["name.first",-1]]"#);
        assert_eq!(sort(r#"{"b": -1, "a": 1}"#).unwrap(), r#"{"b": -1, "a": 1}"#);
        assert_eq!(sort(r#"[["b", -1]]"#).unwrap(), r#"[["b", -1]]"#);
        assert_eq!(fields("name, email").unwrap(), r#"{"email":1,"name":1}"#);
        assert_eq!(fields("-secret").unwrap(), r#"{"secret":0}"#);
        assert_eq!(fields(r#"{"tags": {"$slice": 3}}"#).unwrap(), r#"{"tags": {"$slice": 3}}"#);
        for wrong in ["", "-", "a,,b", "a,", "{", "{a: 1}"] {
            assert!(sort(wrong).is_err() && fields(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn states_of_jobs() {
        for known in JobState::ALL {
            assert_eq!(state(known.name()).unwrap(), known);
        }
        assert!(state("pending").is_err());
    }

    #[test]
    fn ids_of_jobs() {
        assert!(job("019c2f6e-8a41-7C30-9d52-6f1f0e6a3b7d").is_ok());
        for wrong in ["", "x", "019c2f6e8a417c309d526f1f0e6a3b7d", "019c2f6e-8a41-7c30-9d52-6f1f0e6a3b7g"] {
            assert!(job(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn times() {
        let ago = |seconds| Since::Ago(Duration::from_secs(seconds));
        for (text, expected) in [
            ("90s", ago(90)),
            ("10m", ago(600)),
            ("2h30m", ago(9_000)),
            ("1d", ago(86_400)),
            ("1970-01-01T00:00:02Z", Since::At(2_000)),
            ("1970-01-01T01:00:02+01:00", Since::At(2_000)),
        ] {
            assert_eq!(since(text).unwrap(), expected, "{text}");
        }
        for wrong in ["", "10", "m", "10x", "-5m", "1.5h", "soon", "99999999999999999999s", "ünits"] {
            assert!(since(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn moments() {
        assert_eq!(Since::Ago(Duration::from_secs(1)).moment_ms(5_000), 4_000);
        assert_eq!(Since::Ago(Duration::from_secs(u64::MAX)).moment_ms(5_000), 0);
        assert_eq!(Since::At(7).moment_ms(5_000), 7);
    }
}
