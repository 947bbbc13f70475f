//! Which file of a site a path means. Pure.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use store::catalog::{SiteFile, SiteSpec};

use crate::router::NormalPath;

/// The file that a folder shows.
const INDEX: &str = "index.html";

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolved<'s> {
    /// This file.
    File(Shown<'s>),
    /// A folder, which is at the same path with a `/` behind it.
    Folder,
    /// Nothing, and the site has no page to say so.
    Nothing,
}

/// A file as it answers a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown<'s> {
    pub(super) name: &'s str,
    pub(super) file: &'s SiteFile,
    pub(super) status: StatusCode,
    /// It stands in for what is not there: whoever takes something else may get another answer.
    pub(super) stands_in: bool,
}

/// Finds what a path means; `wants_page` says that whoever asks would show a page.
pub(super) fn resolve<'s>(spec: &'s SiteSpec, path: &NormalPath, wants_page: bool) -> Resolved<'s> {
    let shown = |name: &str, status, stands_in| {
        let (name, file) = spec.files.get_key_value(name)?;
        Some(Resolved::File(Shown { name, file, status, stands_in }))
    };
    let file = |name: &str| shown(name, StatusCode::OK, false);
    let found = match named(path) {
        Some(name) if name.is_empty() || name.ends_with('/') => file(&format!("{name}{INDEX}")),
        Some(name) => file(&name).or_else(|| {
            let is_folder = spec.files.contains_key(&format!("{name}/{INDEX}"));
            is_folder.then_some(Resolved::Folder)
        }),
        None => None,
    };
    let fallback = || shown(spec.fallback.as_deref().filter(|_| wants_page)?, StatusCode::OK, true);
    let not_found = || shown(spec.not_found.as_deref()?, StatusCode::NOT_FOUND, true);
    found.or_else(fallback).or_else(not_found).unwrap_or(Resolved::Nothing)
}

/// Whether the site has a file exactly there, or a folder with a page.
pub fn has(spec: &SiteSpec, path: &NormalPath) -> bool {
    match resolve(spec, path, false) {
        Resolved::File(shown) => !shown.stands_in,
        Resolved::Folder => true,
        Resolved::Nothing => false,
    }
}

/// Whether a rule's path, in which one `*` stands for anything, is that of a file.
pub(super) fn fits(rule: &str, path: &str) -> bool {
    match rule.split_once('*') {
        None => rule == path,
        Some((start, end)) => path.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

/// The name that a path would have. No name has an escaped separator in it.
fn named(path: &NormalPath) -> Option<String> {
    let raw = path.as_str().strip_prefix('/')?;
    if raw.contains("%2F") {
        return None;
    }
    percent_decode_str(raw).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use store::catalog::{Digest, SiteContent};

    use super::*;

    fn site(names: &[&str], fallback: Option<&str>, not_found: Option<&str>) -> SiteSpec {
        let file = |name: &&str| {
            let content = SiteContent { digest: Digest::of(name.as_bytes()), bytes: 1 };
            ((*name).to_owned(), SiteFile { content, gzip: None, brotli: None })
        };
        SiteSpec {
            files: names.iter().map(file).collect(),
            fallback: fallback.map(str::to_owned),
            not_found: not_found.map(str::to_owned),
            ..SiteSpec::default()
        }
    }

    fn check(spec: &SiteSpec, path: &str, wants_page: bool, expected: &str) {
        let path = NormalPath::parse(path).unwrap();
        let found = match resolve(spec, &path, wants_page) {
            Resolved::File(Shown { name, status, .. }) => format!("{} {name}", status.as_u16()),
            Resolved::Folder => "folder".to_owned(),
            Resolved::Nothing => "nothing".to_owned(),
        };
        assert_eq!(found, expected, "{path:?}");
    }

    const NAMES: &[&str] = &[
        "index.html",
        "a.js",
        "docs/index.html",
        "docs/b c.html",
        "100%.txt",
        "ä.txt",
        "empty/x",
        "404.html",
    ];

    #[test]
    fn paths_mean_files_and_folders() {
        let spec = site(NAMES, None, None);
        for (path, expected) in [
            ("/", "200 index.html"),
            ("/index.html", "200 index.html"),
            ("/a.js", "200 a.js"),
            ("/A.js", "nothing"),
            ("/a.js/", "nothing"),
            ("/docs", "folder"),
            ("/docs/", "200 docs/index.html"),
            ("/docs/b%20c.html", "200 docs/b c.html"),
            ("/100%25.txt", "200 100%.txt"),
            ("/%C3%A4.txt", "200 ä.txt"),
            ("/ä.txt", "200 ä.txt"),
            ("/empty", "nothing"),
            ("/empty/", "nothing"),
        ] {
            check(&spec, path, true, expected);
        }
    }

    #[test]
    fn d9_no_twin_of_a_path_means_the_same_file() {
        let spec = site(NAMES, None, None);
        for path in
            ["//", "//a.js", "/docs//index.html", "/docs%2Findex.html", "//docs", "/a.js;x", "/a.js%20"]
        {
            check(&spec, path, true, "nothing");
        }
    }

    #[test]
    fn pages_stand_in_for_what_is_not_there() {
        let both = site(NAMES, Some("index.html"), Some("404.html"));
        check(&both, "/users/7", true, "200 index.html");
        check(&both, "/users/7", false, "404 404.html");
        check(&both, "/a.js", true, "200 a.js");
        check(&both, "/docs", true, "folder");
        check(&site(NAMES, Some("index.html"), None), "/missing.js", false, "nothing");
        let path = NormalPath::parse("/users/7").unwrap();
        assert!(!has(&both, &path));
        assert!(has(&both, &NormalPath::parse("/docs").unwrap()));
    }

    #[test]
    fn one_star_stands_for_anything() {
        for (rule, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/a/b", false),
            ("/*", "/a/b", true),
            ("/assets/*", "/assets/a/b.js", true),
            ("/assets/*", "/assets", false),
            ("/*.js", "/x/a.js", true),
            ("/*.js", "/a.jsx", false),
            ("/a*a", "/a", false),
            ("/a*a", "/aa", true),
        ] {
            assert_eq!(fits(rule, path), expected, "{rule} {path}");
        }
    }
}
