//! Bytes in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The text where it is UTF-8, otherwise base64; and whether it is that.
pub fn text_or_base64(bytes: &[u8]) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(bytes), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_kept() {
        assert_eq!(text_or_base64("grüße".as_bytes()), ("grüße".to_owned(), false));
        assert_eq!(text_or_base64(b"\xff"), ("/w==".to_owned(), true));
    }
}
