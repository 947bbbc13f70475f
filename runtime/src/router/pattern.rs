//! The pattern of an explicit route: literal segments, `{parameter}`s and a last `{*rest}`.

use percent_encoding::percent_decode_str;

use super::path::NormalPath;

/// A checked pattern in its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    names: Vec<String>,
    wildcard: bool,
}

impl Pattern {
    /// Checks and normalises a pattern; the error is a sentence for the user.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let Some(rest) = raw.strip_prefix('/') else {
            return Err(format!("route `{raw}` must begin with `/`"));
        };
        let mut pattern = Self { text: String::new(), names: Vec::new(), wildcard: false };
        for segment in rest.split('/') {
            if pattern.wildcard {
                return Err(format!("in route `{raw}` nothing may follow `{{*…}}`"));
            }
            pattern.text.push('/');
            pattern.push(segment).map_err(|reason| format!("in route `{raw}` {reason}"))?;
        }
        // A parameter can't be mistaken for the reserved part, a literal can.
        match NormalPath::parse(&pattern.text) {
            Ok(path) if path.is_reserved() => {
                Err(format!("route `{raw}` is under `/_ostro/`, which is the platform's"))
            }
            Ok(_) => Ok(pattern),
            Err(error) => Err(format!("route `{raw}`: {error}")),
        }
    }

    /// The normal form, with the parameters' names.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Names of the parameters in order, the wildcard's last.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it ends in `{*rest}`.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// The form that `matchit` takes: parameters by position, so that two routes of one shape are one.
    pub(super) fn positional(&self) -> String {
        let mut position = 0..;
        let segments = self.text.split('/').map(|segment| match segment {
            s if s.starts_with("{*") => "{*rest}".to_owned(),
            s if s.starts_with('{') => format!("{{p{}}}", position.next().unwrap_or(0)),
            s => s.to_owned(),
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn push(&mut self, segment: &str) -> Result<(), String> {
        let Some(inner) = segment.strip_prefix('{') else {
            if segment.contains(['{', '}', '*']) {
                return Err(format!("`{segment}` mixes text and parameter: a parameter is a whole segment"));
            }
            if segment.contains(['?', '#']) {
                return Err(format!("`{segment}` has a query or a fragment: a route is a path"));
            }
            let literal = NormalPath::parse(&format!("/{segment}")).map_err(|error| error.to_string())?;
            self.text.push_str(literal.as_str().trim_start_matches('/'));
            return Ok(());
        };
        let Some(name) = inner.strip_suffix('}') else {
            return Err(format!("`{segment}` has no closing brace"));
        };
        let bare = name.strip_prefix('*').unwrap_or(name);
        self.wildcard = name.starts_with('*');
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if bare.is_empty() || bare.len() > 40 || !bare.bytes().all(valid) {
            return Err(format!("`{segment}` needs a name of 1 to 40 letters, digits, `_` or `-`"));
        }
        if self.names.iter().any(|known| known.eq_ignore_ascii_case(bare)) {
            return Err(format!("the parameter `{bare}` stands twice"));
        }
        self.names.push(bare.to_owned());
        self.text.push_str(segment);
        Ok(())
    }
}

/// Whether a path is one of a pattern, as the table reads them. Both are in their normal form.
pub fn is_path_of(pattern: &str, path: &str) -> bool {
    matches(pattern.split('/'), path.split('/'))
}

/// Whether a guest may take a path for one of a pattern: there are guests that decode `%2F`, fold slashes, ignore the one at the
/// end or do not tell capital letters from small ones. Both are in their normal form.
pub fn may_be_path_of(pattern: &str, path: &str) -> bool {
    let loose = |text: &str| percent_decode_str(text).decode_utf8_lossy().to_lowercase();
    let (pattern, path) = (loose(pattern), loose(path));
    matches(
        pattern.split('/').filter(|segment| !segment.is_empty()),
        path.split('/').filter(|segment| !segment.is_empty()),
    )
}

fn matches<'t>(mut pattern: impl Iterator<Item = &'t str>, mut path: impl Iterator<Item = &'t str>) -> bool {
    loop {
        match (pattern.next(), path.next()) {
            (Some(rest), _) if rest.starts_with("{*") => return true,
            (Some(part), Some(segment)) if part.starts_with('{') && !segment.is_empty() => {}
            (Some(part), Some(segment)) if part == segment => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d9_paths_are_read_as_the_table_does_and_as_a_guest_may() {
        for (pattern, path, is, may_be) in [
            ("/admin/{*rest}", "/admin/x", true, true),
            ("/admin/{*rest}", "/admin", true, true),
            ("/admin/{*rest}", "/admin%2Fx", false, true),
            ("/admin/{*rest}", "//admin/x", false, true),
            ("/admin/{*rest}", "/ADMIN/x", false, true),
            ("/admin/{*rest}", "/administer", false, false),
            ("/orders", "/orders/", false, true),
            ("/orders", "/orders", true, true),
            ("/orders", "/orders/1", false, false),
            ("/orders/{id}", "/orders/1", true, true),
            ("/orders/{id}", "/orders/", false, false),
            ("/orders/{id}", "/orders/1/2", false, false),
            ("/orders/{id}/pay", "/orders//1/pay", false, true),
            ("/{*rest}", "/", true, true),
        ] {
            assert_eq!(
                (is_path_of(pattern, path), may_be_path_of(pattern, path)),
                (is, may_be),
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn patterns_are_normalised_or_refused_with_a_reason() {
        for (raw, expected) in [
            ("/", Ok("/")),
            ("/guestbook/{id}", Ok("/guestbook/{id}")),
            ("/%61/{*rest}", Ok("/a/{*rest}")),
            ("/a/", Ok("/a/")),
            ("a", Err("must begin")),
            ("/_ostro/x", Err("platform's")),
            ("/%5Fostro/x", Err("platform's")),
            ("/a/../b", Err("segments")),
            ("/a/{id", Err("closing brace")),
            ("/a/{}", Err("needs a name")),
            ("/a/x{id}", Err("whole segment")),
            ("/a/{id}/{id}", Err("twice")),
            ("/{*rest}/a", Err("nothing may follow")),
            ("/a?b", Err("query")),
        ] {
            match (Pattern::parse(raw), expected) {
                (Ok(pattern), Ok(text)) => assert_eq!(pattern.as_str(), text),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{raw}: {reason}"),
                (got, expected) => panic!("{raw}: {got:?}, expected {expected:?}"),
            }
        }
    }
}
