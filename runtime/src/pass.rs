//! How the control API calls a function by name: with a pass that only this process knows. Without it nobody reaches what
//! is under `/_ostro/`.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use subtle::ConstantTimeEq as _;

use crate::problem::Problem;
use crate::router::{CALL_PATH, NormalPath};

/// The header that carries the pass. Like all of `ostro-*` it never goes on to a guest.
const HEADER: HeaderName = HeaderName::from_static("ostro-pass");

/// 256 random bits, new with every start.
#[derive(Clone)]
pub struct Pass {
    value: HeaderValue,
}

impl Pass {
    /// A new pass. Fails when the system has no random numbers to give.
    pub fn new() -> Result<Self, Problem> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits)
            .map_err(|error| Problem::internal(&std::io::Error::other(error.to_string())))?;
        let text: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        // Hexadecimal digits are always a value.
        let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        Ok(Self { value })
    }

    /// Lets a request of this process through.
    pub fn stamp(&self, headers: &mut HeaderMap) {
        headers.insert(HEADER, self.value.clone());
    }

    /// Whether the request is a call by name that bears the pass.
    pub fn opens<B>(&self, request: &Request<B>, path: &NormalPath) -> bool {
        let given = request.headers().get(HEADER).map_or(&[][..], HeaderValue::as_bytes);
        let known = self.value.as_bytes();
        let is_call = path.as_str() == CALL_PATH && request.method() == Method::POST;
        is_call && !known.is_empty() && bool::from(given.ct_eq(known))
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pass")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_with_the_pass_is_let_through() {
        let (pass, other) = (Pass::new().unwrap(), Pass::new().unwrap());
        let opens = |method: Method, path: &str, with: Option<&Pass>| {
            let mut request = Request::builder().method(method).uri(path).body(()).unwrap();
            with.inspect(|pass| pass.stamp(request.headers_mut()));
            pass.opens(&request, &NormalPath::parse(path).unwrap())
        };
        assert!(opens(Method::POST, CALL_PATH, Some(&pass)));
        assert!(!opens(Method::POST, CALL_PATH, None));
        assert!(!opens(Method::POST, CALL_PATH, Some(&other)));
        assert!(!opens(Method::GET, CALL_PATH, Some(&pass)));
        for path in ["/_ostro/cron", "/_ostro/queue", "//_ostro/invoke", "/_ostro/invoke/x"] {
            assert!(!opens(Method::POST, path, Some(&pass)), "{path}");
        }
    }
}
