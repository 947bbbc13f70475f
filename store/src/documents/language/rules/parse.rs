//! Rules from text.

use super::super::path::shown;
use super::super::{Fault, Path, Value};
use super::{Comparison, Expression, MAX_RULE_BYTES, MAX_RULE_DEPTH};

/// At which byte of a rule something is wrong, and what.
pub(super) type Misread = (usize, Fault);

/// Reads all of a text as one expression.
pub(super) fn parse(text: &str) -> Result<Expression, Misread> {
    if text.len() > MAX_RULE_BYTES {
        return Err((0, Fault::new(format!("a rule of {} bytes, {MAX_RULE_BYTES} at most", text.len()))));
    }
    let mut reader = Reader { text, at: 0, depth: 0 };
    let rule = reader.either()?;
    reader.skip_blanks();
    match reader.rest() {
        "" => Ok(rule),
        rest => Err(reader.fault(format!("nothing can follow here: `{}`", first_of(rest)))),
    }
}

struct Reader<'t> {
    text: &'t str,
    /// How far it is read, bytes.
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    /// `a || b`
    fn either(&mut self) -> Result<Expression, Misread> {
        let mut all = vec![self.both()?];
        while self.takes("||") {
            all.push(self.both()?);
        }
        Ok(one_or(all, Expression::Or))
    }

    /// `a && b`
    fn both(&mut self) -> Result<Expression, Misread> {
        let mut all = vec![self.negated()?];
        while self.takes("&&") {
            all.push(self.negated()?);
        }
        Ok(one_or(all, Expression::And))
    }

    /// `!a`, which is not `a == b` negated on its left alone.
    fn negated(&mut self) -> Result<Expression, Misread> {
        match self.takes("!") {
            true => self.deeper(|reader| Ok(Expression::Not(Box::new(reader.negated()?)))),
            false => self.compared(),
        }
    }

    /// `a == b`; only one comparison in a row.
    fn compared(&mut self) -> Result<Expression, Misread> {
        let left = self.operand()?;
        let Some(compare) = self.comparison() else { return Ok(left) };
        let both = Box::new([left, self.operand()?]);
        let before = self.at;
        if self.comparison().is_some() {
            self.at = before;
            self.skip_blanks();
            return Err(self.fault("comparisons do not follow each other: use `&&` or parentheses"));
        }
        Ok(match compare {
            Some(comparison) => Expression::Compare(comparison, both),
            None => Expression::In(both),
        })
    }

    /// A comparison, or `None` in it for `in`.
    fn comparison(&mut self) -> Option<Option<Comparison>> {
        const ALL: [(&str, Comparison); 6] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        if let Some((_, comparison)) = ALL.into_iter().find(|(sign, _)| self.takes(sign)) {
            return Some(Some(comparison));
        }
        self.skip_blanks();
        (self.word() == "in").then(|| {
            self.at += "in".len();
            None
        })
    }

    fn operand(&mut self) -> Result<Expression, Misread> {
        self.skip_blanks();
        match self.rest().chars().next() {
            None => Err(self.fault("the rule ends where a value is expected")),
            Some('(') => {
                self.at += 1;
                let inner = self.deeper(Self::either)?;
                self.expects(")")?;
                Ok(inner)
            }
            Some('[') => {
                self.at += 1;
                self.deeper(Self::list)
            }
            Some(quote @ ('"' | '\'')) => self.text(quote),
            Some(first) if first == '-' || first.is_ascii_digit() => self.number(),
            Some(first) if begins_name(first) => self.name(),
            Some(_) => Err(self.fault(format!("a value is expected, not `{}`", first_of(self.rest())))),
        }
    }

    /// What stands behind `[`.
    fn list(&mut self) -> Result<Expression, Misread> {
        let mut all = Vec::new();
        if self.takes("]") {
            return Ok(Expression::List(all));
        }
        loop {
            all.push(self.either()?);
            if !self.takes(",") {
                self.expects("]")?;
                return Ok(Expression::List(all));
            }
        }
    }

    /// A text with the escapes of JSON; in single quotes `\'` is one, too.
    fn text(&mut self, quote: char) -> Result<Expression, Misread> {
        let mut json = String::from('"');
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            match (char, quote) {
                (end, quote) if end == quote => {
                    json.push('"');
                    let text = serde_json::from_str(&json);
                    let text = text.map_err(|_| self.fault("this is no text as JSON has it"))?;
                    self.at += at + end.len_utf8();
                    return Ok(Expression::Literal(Value::String(text)));
                }
                ('"', _) => json.push_str("\\\""),
                ('\\', _) => match chars.next() {
                    Some((_, '\'')) if quote == '\'' => json.push('\''),
                    Some((_, escaped)) => json.extend(['\\', escaped]),
                    None => break,
                },
                (char, _) => json.push(char),
            }
        }
        Err(self.fault("this text does not end"))
    }

    /// `-12` or `1.5`.
    fn number(&mut self) -> Result<Expression, Misread> {
        let rest = self.rest();
        let is_of_it = |char: char| is_of_name(char) || matches!(char, '-' | '.');
        let number = rest.split_once(|char: char| !is_of_it(char)).map_or(rest, |(number, _)| number);
        let plain = number.strip_prefix('-').unwrap_or(number);
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_whole = digits(plain);
        let is_decimal = plain.split_once('.').is_some_and(|(whole, part)| digits(whole) && digits(part));
        let value = match () {
            () if is_whole => number.parse().ok().map(Value::Int),
            () if is_decimal => {
                number.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float)
            }
            () => None,
        };
        let fault = || self.fault(format!("`{}` is no number that can be here", shown(number)));
        let value = value.ok_or_else(fault)?;
        self.at += number.len();
        Ok(Expression::Literal(value))
    }

    /// A word of the language or a path.
    fn name(&mut self) -> Result<Expression, Misread> {
        let path = self.path();
        let fault = |what: String| Err(self.fault(what));
        let (first, behind) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let expression = match (first, behind) {
            ("true", None) => Expression::Literal(Value::Bool(true)),
            ("false", None) => Expression::Literal(Value::Bool(false)),
            ("null", None) => Expression::Literal(Value::Null),
            ("auth", Some("user")) => Expression::User,
            ("auth", Some("roles")) => Expression::Roles,
            ("auth", Some("anonymous")) => Expression::Anonymous,
            ("auth", _) => {
                return fault(format!(
                    "there is no `{}`, but `auth.user`, `auth.roles`, `auth.anonymous`",
                    shown(path)
                ));
            }
            ("request", Some("data")) => Expression::Data(None),
            ("request", Some(rest)) if rest.starts_with("data.") => {
                let rest = rest.strip_prefix("data.").unwrap_or_default();
                Expression::Data(Some(self.checked(rest)?))
            }
            ("request", _) => return fault(format!("there is no `{}`, but `request.data`", shown(path))),
            ("true" | "false" | "null" | "in", _) => {
                return fault(format!("`{}` is no field", shown(path)));
            }
            _ => Expression::Field(self.checked(path)?),
        };
        self.at += path.len();
        self.skip_blanks();
        match self.rest().chars().next() {
            Some(open @ ('(' | '[' | '.')) => Err(self.fault(format!("`{open}` cannot stand behind a name"))),
            _ => Ok(expression),
        }
    }

    /// The names with dots between them that stand here.
    fn path(&self) -> &'t str {
        let rest = self.rest();
        let mut length = 0;
        loop {
            let behind = rest.get(length..).unwrap_or_default();
            let name = word(behind);
            if !name.starts_with(begins_name) {
                // The dot is not the path's.
                return rest.get(..length.saturating_sub(1)).unwrap_or_default();
            }
            length += name.len();
            match rest.get(length..).unwrap_or_default().starts_with('.') {
                true => length += 1,
                false => return rest.get(..length).unwrap_or_default(),
            }
        }
    }

    fn checked(&self, path: &str) -> Result<Path, Misread> {
        Path::parse(path).map_err(|fault| self.fault(fault.message))
    }

    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expression, Misread>,
    ) -> Result<Expression, Misread> {
        if self.depth == MAX_RULE_DEPTH {
            return Err(self.fault(format!("deeper than {MAX_RULE_DEPTH} levels")));
        }
        self.depth += 1;
        let expression = read(self)?;
        self.depth -= 1;
        Ok(expression)
    }

    /// Goes behind a sign, if it stands here; `!=` is no `!`.
    fn takes(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let is_here = self.rest().starts_with(sign) && !(sign == "!" && self.rest().starts_with("!="));
        self.at += if is_here { sign.len() } else { 0 };
        is_here
    }

    fn expects(&mut self, sign: &str) -> Result<(), Misread> {
        match self.takes(sign) {
            true => Ok(()),
            false if self.rest().is_empty() => Err(self.fault(format!("the rule ends before its `{sign}`"))),
            false => Err(self.fault(format!("`{sign}` is expected, not `{}`", first_of(self.rest())))),
        }
    }

    fn word(&self) -> &'t str {
        word(self.rest())
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// A fault here.
    fn fault(&self, what: impl Into<String>) -> Misread {
        let what = what.into();
        let before = self.text.get(..self.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (self.at, Fault::new(format!("line {line}, column {column}: {what}")))
    }
}

fn one_or(mut all: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match (all.len(), all.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            all.extend(last);
            many(all)
        }
    }
}

fn begins_name(char: char) -> bool {
    char == '_' || char.is_alphabetic()
}

fn is_of_name(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

/// The name or number that a text begins with.
fn word(text: &str) -> &str {
    text.split_once(|char: char| !is_of_name(char)).map_or(text, |(word, _)| word)
}

/// What a text begins with, for a fault.
fn first_of(text: &str) -> &str {
    match word(text) {
        "" => text.chars().next().and_then(|first| text.get(..first.len_utf8())).unwrap_or_default(),
        word => shown(word),
    }
}
