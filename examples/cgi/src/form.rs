//! Forms as browsers send them: `application/x-www-form-urlencoded`.

/// The fields of a form, in order.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Self {
        let fields = body.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
        let pair = |field: &[u8]| {
            let mut halves = field.splitn(2, |byte| *byte == b'=');
            let mut next = || decoded(halves.next().unwrap_or_default());
            (next(), next())
        };
        Self(fields.map(pair).collect())
    }

    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }
}

fn decoded(text: &[u8]) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                bytes.push(digit(high).unwrap_or(0) << 4 | digit(low).unwrap_or(0));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
