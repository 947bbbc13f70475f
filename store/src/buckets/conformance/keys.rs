//! Keys are texts and nothing else.

use super::Opener;
use super::bench::{Bench, at, done};
use crate::buckets::{MAX_KEY_BYTES, Result};

/// What would mean something elsewhere: to a path, to a URL, to a terminal, to a comparison that folds.
pub fn odd_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "../x",
        "..%2fx",
        "..\\x",
        "/etc/passwd",
        "//",
        "/",
        ".",
        "..",
        "a/../b",
        "a//b",
        "a/./b",
        "a/",
        "a",
        "\0",
        "a\0b",
        "a\\b",
        "C:\\x",
        "CON",
        "nul.txt",
        "aux.",
        "trailing.",
        "trailing ",
        " leading",
        "e\u{301}",
        "é",
        "É",
        "e\u{301}/",
        "Key",
        "key",
        "KEY",
        "x#1",
        "#1",
        "x#",
        "a?b=c",
        "a%2Fb",
        "a%00",
        "%",
        "\u{7f}",
        "\r\n",
        "\u{1b}[2J",
        "'; DROP TABLE objects; --",
        "*",
        "[a-z]",
        "_",
        "\u{202e}gpj.exe",
        "\u{feff}",
        "🗝️",
        "\u{10ffff}",
        "projects/../../catalog.db",
    ]
    .map(str::to_owned)
    .into();
    keys.push("x".repeat(MAX_KEY_BYTES));
    keys.push("é".repeat(MAX_KEY_BYTES / 2));
    keys
}

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    each_is_an_object_of_its_own(&opener.bench().await?).await
}

async fn each_is_an_object_of_its_own(bench: &Bench<'_>) -> Result<()> {
    let mut keys = odd_keys();
    for key in &keys {
        bench.put(key, key).await?;
    }
    for key in &keys {
        assert_eq!(bench.text(key).await?.as_deref(), Some(key.as_str()), "{key:?}");
        done(bench.copy(at("a", key), at("b", key)).await?);
    }
    keys.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    assert_eq!(bench.keys().await?, keys);
    assert_eq!(bench.keys_of("b").await?, keys);
    for key in &keys {
        done(bench.delete(key).await?);
        assert_eq!(bench.text(key).await?, None, "{key:?}");
    }
    assert_eq!(bench.keys().await?, [""; 0]);
    assert_eq!(bench.keys_of("b").await?, keys);
    Ok(())
}
