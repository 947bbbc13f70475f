//! E-mail addresses: which are one and the same.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Longest address, bytes (RFC 5321 section 4.5.3.1.3, without the brackets).
pub const MAX_EMAIL_BYTES: usize = 254;

/// The form of an address under which it is unique: without space around it, composed (NFC), in lower case. None for what
/// is no address: one `@` with something on both sides, no space and no control character.
///
/// Lower case goes beyond RFC 5321, which leaves the part before the `@` to the receiving host: no host of today tells
/// two people apart by case, and an attacker could. Characters that only look alike stay different.
pub fn normal_email(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > MAX_EMAIL_BYTES {
        return None;
    }
    let normal = composed(text);
    let (name, domain) = normal.split_once('@')?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || "<>,;:\"()[]\\".contains(c);
    let is_fit = !name.is_empty() && !domain.is_empty() && !domain.contains('@') && !normal.contains(odd);
    (is_fit && normal.len() <= MAX_EMAIL_BYTES).then_some(normal)
}

/// How the normal forms of addresses begin that begin with that text.
pub fn normal_prefix(text: &str) -> String {
    composed(text.trim_start())
}

fn composed(text: &str) -> String {
    let normalizer = ComposingNormalizerBorrowed::new_nfc();
    // Lower case may decompose again.
    let lower = normalizer.normalize(text).to_lowercase();
    normalizer.normalize(&lower).into_owned()
}

/// Characters that nobody sees, so that two addresses would look the same.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_twins_are_one_address() {
        for (text, normal) in [
            ("a@b.c", Some("a@b.c")),
            (" A@B.C\n", Some("a@b.c")),
            ("Jose\u{301}@x.y", Some("jos\u{e9}@x.y")),
            ("JOS\u{c9}@x.y", Some("jos\u{e9}@x.y")),
            ("\u{212a}elvin@x.y", Some("kelvin@x.y")),
            ("a+tag@b.c", Some("a+tag@b.c")),
            ("", None),
            ("@", None),
            ("a@", None),
            ("@b", None),
            ("a", None),
            ("a@b@c", None),
            ("a b@c", None),
            ("a@b\0", None),
            ("a\u{200b}@b", None),
            ("a@b\r\nBcc: x@y", None),
            ("Name <a@b>", None),
            ("a@b,c@d", None),
        ] {
            assert_eq!(normal_email(text).as_deref(), normal, "{text:?}");
        }
        let of = |bytes: usize| format!("{}@b.c", "a".repeat(bytes - 4));
        assert!(normal_email(&of(MAX_EMAIL_BYTES)).is_some());
        assert!(normal_email(&of(MAX_EMAIL_BYTES + 1)).is_none());
    }
}
