//! Archives that try to get out or grow (threat A11).

use std::path::Path;

use cap_std::ambient_authority;
use tar::{Builder, Header};

use super::*;

/// A tar entry with exactly this name and kind, however bad.
fn entry(name: &str, kind: EntryType, size: u64, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o6777);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    let padding = content.len().next_multiple_of(512) - content.len();
    [header.as_bytes().as_slice(), content, &vec![0; padding]].concat()
}

fn file(name: &str, content: &str) -> Vec<u8> {
    entry(name, EntryType::Regular, content.len() as u64, content.as_bytes())
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

/// A PAX header that gives the next entry another value.
fn pax(key: &str, value: &str) -> Vec<u8> {
    let length = (1..).find(|length: &usize| format!("{length} {key}={value}\n").len() == *length).unwrap();
    let record = format!("{length} {key}={value}\n");
    entry("pax", EntryType::XHeader, record.len() as u64, record.as_bytes())
}

fn dir(path: &Path) -> Dir {
    Dir::open_ambient_dir(path, ambient_authority()).unwrap()
}

#[test]
fn files_are_unpacked_once_and_privately() {
    use std::os::unix::fs::PermissionsExt as _;
    let tar = archive(&[
        entry("./", EntryType::Directory, 0, b""),
        file("./index.html", "hello"),
        entry("css/", EntryType::Directory, 0, b""),
        file("css/a/site.css", "body{}"),
    ]);
    let bundle = Bundle::read(&tar).unwrap();
    assert_eq!(bundle.len(), 2);
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        bundle.unpack(&dir(folder.path()), "place").unwrap();
        let place = folder.path().join("place");
        assert_eq!(std::fs::read_to_string(place.join("css/a/site.css")).unwrap(), "body{}");
        let mode = std::fs::metadata(place.join("index.html")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "the archive's own modes mean nothing");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
    assert!(Bundle::read(&archive(&[])).unwrap().is_empty());
}

#[test]
fn a11_attacks_are_refused() {
    let long = format!("{}/x", "a".repeat(90));
    for (what, tar) in [
        ("`..`", archive(&[file("../evil", "x")])),
        ("`..`", archive(&[file("a/../../evil", "x")])),
        ("`..`", archive(&[entry("a/..", EntryType::Directory, 0, b"")])),
        ("absolute", archive(&[file("/etc/passwd", "x")])),
        ("absolute", archive(&[pax("path", "/etc/passwd"), file("a", "x")])),
        ("`..`", archive(&[pax("path", "../../evil"), file("a", "x")])),
        ("backslash", archive(&[file("a\\..\\b", "x")])),
        ("control character", archive(&[file("a\nb", "x")])),
        ("control character", archive(&[pax("path", "a\0b"), file("a", "x")])),
        ("a link", archive(&[entry("a", EntryType::Symlink, 0, b"")])),
        ("a link", archive(&[entry("a", EntryType::Link, 0, b"")])),
        ("neither file nor folder", archive(&[entry("a", EntryType::Fifo, 0, b"")])),
        ("neither file nor folder", archive(&[entry("a", EntryType::Char, 0, b"")])),
        ("neither file nor folder", archive(&[entry("a", EntryType::Block, 0, b"")])),
        ("too long or too deep", archive(&[pax("path", &"a/".repeat(40)), file("a", "x")])),
        ("too long or too deep", archive(&[pax("path", &"a".repeat(300)), file("a", "x")])),
        ("a file without a name", archive(&[file("./", "x")])),
        ("also a folder", archive(&[file("a", "x"), file("a/b", "x")])),
        ("also a folder", archive(&[file("a", "x"), entry("a", EntryType::Directory, 0, b"")])),
        ("not a readable tar", file("a", "x")[..300].to_vec()),
        ("not a readable tar", b"PK\x03\x04 no tar".repeat(100)),
        ("not a readable tar", entry("a", EntryType::Regular, 1 << 40, b"x")),
        ("not a readable tar", [pax("size", "99999999999"), file(&long, "x")].concat()),
    ] {
        let error = Bundle::read(&tar).expect_err(what).to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}

#[test]
fn limits_at_their_edges() {
    let files = |count: usize| archive(&(0..count).map(|n| file(&n.to_string(), "")).collect::<Vec<_>>());
    assert_eq!(Bundle::read(&files(MAX_ENTRIES)).unwrap().len(), MAX_ENTRIES);
    assert!(matches!(Bundle::read(&files(MAX_ENTRIES + 1)), Err(BundleError::TooLarge(_))));
    let large = |bytes: usize| {
        let mut builder = Builder::new(Vec::new());
        let content = vec![0; bytes / 2];
        for (name, content) in [("a", content.as_slice()), ("b", &vec![0; bytes - bytes / 2])] {
            let mut header = Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, content).unwrap();
        }
        builder.into_inner().unwrap()
    };
    let most = usize::try_from(MAX_BYTES).unwrap();
    assert!(Bundle::read(&large(most)).is_ok());
    assert!(matches!(Bundle::read(&large(most + 1)), Err(BundleError::TooLarge(_))));
}

#[test]
fn a_sparse_file_counts_what_it_unpacks_to() {
    // GNU sparse: a few bytes in the archive, a terabyte unpacked.
    let mut header = Header::new_gnu();
    header.set_path("sparse").unwrap();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_size(0);
    header.as_gnu_mut().unwrap().realsize = *b"077777777777";
    header.set_cksum();
    let tar = archive(&[header.as_bytes().to_vec()]);
    assert!(Bundle::read(&tar).is_err());
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2048)) {
        let _ = Bundle::read(&bytes);
    }

    #[test]
    fn flipped_bytes_never_escape(at in 0..2048_usize, value in proptest::prelude::any::<u8>()) {
        let mut tar = archive(&[pax("path", "css/site.css"), file("a", "body{}")]);
        let at = at % tar.len();
        tar[at] = value;
        if let Ok(bundle) = Bundle::read(&tar) {
            for name in bundle.files.keys() {
                proptest::prop_assert!(!name.starts_with('/') && !name.split('/').any(|part| part == ".." || part.is_empty()));
            }
        }
    }
}
