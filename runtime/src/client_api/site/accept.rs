//! What a client takes: `accept-encoding` and `accept` (RFC 9110 section 12.5). Pure.

use http::header::{self, HeaderMap, HeaderName};

/// A form in which a file is kept beside its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// As `content-encoding` says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// The coding that the client likes best of those that are there; of two that it likes as much, the shorter one.
pub(super) fn coding(headers: &HeaderMap, is_there: impl Fn(Coding) -> bool) -> Option<Coding> {
    let accepted: Vec<(String, u16)> = weighted(headers, &header::ACCEPT_ENCODING).collect();
    let weight = |coding: Coding| {
        let of = |name: &str| accepted.iter().find(|(token, _)| token == name).map(|(_, weight)| *weight);
        of(coding.name()).or_else(|| of("*")).unwrap_or(0)
    };
    let (brotli, gzip) = (weight(Coding::Brotli), weight(Coding::Gzip));
    let order = match gzip > brotli {
        true => [(Coding::Gzip, gzip), (Coding::Brotli, brotli)],
        false => [(Coding::Brotli, brotli), (Coding::Gzip, gzip)],
    };
    order.into_iter().find(|(coding, weight)| *weight > 0 && is_there(*coding)).map(|(coding, _)| coding)
}

/// Whether the client asks for a page: browsers say so when somebody goes to an address, and not for what a page loads.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    weighted(headers, &header::ACCEPT).any(|(token, weight)| token == "text/html" && weight > 0)
}

/// Each token in lower case with its weight in thousandths. A weight that can't be read is none at all.
fn weighted<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = (String, u16)> + use<'h> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let token = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (token, weight.map_or(1_000, thousandths))
    })
}

fn thousandths(weight: &str) -> u16 {
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" => 1_000,
        "0" if digits => format!("{part:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap()));
        values.collect()
    }

    #[test]
    fn the_best_coding_is_taken() {
        let check = |values: &[&str], expected: Option<Coding>| {
            let headers = headers(&header::ACCEPT_ENCODING, values);
            assert_eq!(coding(&headers, |_| true), expected, "{values:?}");
        };
        check(&[], None);
        check(&["identity"], None);
        check(&["gzip, deflate, br"], Some(Coding::Brotli));
        check(&["gzip", "br"], Some(Coding::Brotli));
        check(&["GZIP"], Some(Coding::Gzip));
        check(&["br;q=0, gzip"], Some(Coding::Gzip));
        check(&["br; q=0.2, gzip;q=0.9"], Some(Coding::Gzip));
        check(&["*"], Some(Coding::Brotli));
        check(&["*;q=0.5, br;q=0"], Some(Coding::Gzip));
        check(&["*;q=0"], None);
        check(&["br;q=x"], None);
        check(&["brotli"], None);
        let headers = headers(&header::ACCEPT_ENCODING, &["br, gzip;q=0.5"]);
        assert_eq!(coding(&headers, |coding| coding == Coding::Gzip), Some(Coding::Gzip));
    }

    #[test]
    fn a_page_is_wanted_by_name() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/json, TEXT/HTML;q=0.1", true),
            ("*/*", false),
            ("text/html;q=0", false),
            ("text/htmlx", false),
        ] {
            assert_eq!(wants_page(&headers(&header::ACCEPT, &[accept])), expected, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }
}
