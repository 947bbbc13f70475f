//! Finds a word in whatever form it may have been told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Looks for one word.
pub struct Scanner {
    /// Forms in lower case.
    plain: Vec<(&'static str, String)>,
    /// What base64 makes of it, wherever it begins in what was encoded.
    base64: Vec<String>,
}

impl Scanner {
    /// The word is of small letters and digits, at least eight.
    pub fn new(word: &str) -> Self {
        assert!(
            word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        );
        let each = |form: &dyn Fn(u8) -> String, between: &str| {
            word.bytes().map(form).collect::<Vec<_>>().join(between)
        };
        let plain = vec![
            ("as it is", word.to_owned()),
            ("backwards", word.chars().rev().collect()),
            ("in hexadecimal", each(&|byte| format!("{byte:02x}"), "")),
            ("URL-encoded", each(&|byte| format!("%{byte:02x}"), "")),
            ("JSON-escaped", each(&|byte| format!("\\u{byte:04x}"), "")),
            ("as numbers", each(&|byte| byte.to_string(), ",")),
            ("as numbers", each(&|byte| byte.to_string(), ", ")),
        ];
        // The first and the last letters depend on what stands beside: those between do not.
        let base64 = (0..3).map(|before| {
            let text = STANDARD.encode([&vec![b' '; before], word.as_bytes()].concat());
            let all = before + word.len();
            text[(before * 8).div_ceil(6)..all * 8 / 6].to_owned()
        });
        Self { plain, base64: base64.collect() }
    }

    /// In which form the word is in that, if it is.
    pub fn finds(&self, told: &[u8]) -> Option<&'static str> {
        let text = String::from_utf8_lossy(told);
        let lower = text.to_lowercase();
        let plain = self.plain.iter().find(|(_, form)| lower.contains(form)).map(|(name, _)| *name);
        let standard = text.replace('-', "+").replace('_', "/");
        plain.or_else(|| self.base64.iter().any(|form| standard.contains(form)).then_some("in base64"))
    }
}

#[test]
fn every_form_is_found_and_nothing_else() {
    let word = "kanarileft7f3a";
    let scanner = Scanner::new(word);
    for before in ["", "a", "ab", "abc"] {
        for after in ["", "x", "xy"] {
            let text = format!("{before}{word}{after}");
            for told in [
                text.clone(),
                text.to_uppercase(),
                STANDARD.encode(&text),
                base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&text),
                text.bytes().map(|byte| format!("{byte:02X}")).collect(),
                text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
                text.bytes().map(|byte| format!("\\u{byte:04X}")).collect(),
                format!("{:?}", text.as_bytes()),
                serde_json::to_string(text.as_bytes()).unwrap(),
            ] {
                assert!(scanner.finds(format!("({told})").as_bytes()).is_some(), "{told}");
            }
        }
    }
    for told in
        ["", "kanariright7f3a", &STANDARD.encode("kanariright7f3a and more of it"), "[107, 97, 110, 97]"]
    {
        assert_eq!(scanner.finds(told.as_bytes()), None, "{told}");
    }
}
