//! Whose functions are handed out, and what is done with files that are not what was written.

use std::path::PathBuf;

use cap_std::ambient_authority;
use tempfile::TempDir;

use super::*;

const KEY: [u8; 32] = [7; 32];

struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn shelves(&self) -> Shelves {
        self.shelves_of(KEY, "engine 1")
    }

    fn shelves_of(&self, key: [u8; 32], engine: &str) -> Shelves {
        let dir = Dir::open_ambient_dir(self.folder.path(), ambient_authority()).unwrap();
        Shelves::new(&dir, Sealer::new(key, engine))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(FOLDER).join(file)
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.path("")).unwrap().count()
    }
}

fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

/// A set of one function.
fn function(key: u8, code: &[u8]) -> Vec<u8> {
    let length = u32::try_from(code.len()).unwrap().to_le_bytes();
    [&[key; 32], &length[..], code].concat()
}

#[test]
fn functions_are_for_their_project_and_lane_only() {
    let fixture = Fixture::new();
    let (one, two) = (function(1, b"one"), function(2, b"two"));
    fixture.shelves().add(project(1), Lane::Plain, &one);
    fixture.shelves().add(project(1), Lane::Concurrent, &two);
    let known = Known { plain: one.clone(), concurrent: two.clone() };
    assert_eq!(fixture.shelves().known(project(1)), known);
    assert_eq!(fixture.shelves().known(project(2)), Known::default());
    fixture.shelves().add(project(1), Lane::Plain, &two);
    assert_eq!(fixture.shelves().known(project(1)).plain, [two, one].concat());
    assert!(fixture.shelves().remove(project(1)));
    assert!(!fixture.shelves().remove(project(1)));
    assert_eq!(fixture.shelves().known(project(1)), Known::default());
    assert_eq!(fixture.files(), 0);
}

#[test]
fn e1_a_file_of_another_project_lane_or_engine_is_not_trusted() {
    let engines = [(KEY, "engine 2"), ([8; 32], "engine 1")];
    for (key, engine) in engines {
        let fixture = Fixture::new();
        fixture.shelves().add(project(1), Lane::Plain, &function(1, b"one"));
        assert_eq!(fixture.shelves_of(key, engine).known(project(1)), Known::default());
        assert_eq!(fixture.files(), 0, "what is not trusted is removed");
    }
    for (owner, lane) in [(2, Lane::Plain), (1, Lane::Concurrent)] {
        let fixture = Fixture::new();
        fixture.shelves().add(project(1), Lane::Plain, &function(1, b"one"));
        let from = fixture.path(&file_name(project(1), Lane::Plain));
        std::fs::rename(from, fixture.path(&file_name(project(owner), lane))).unwrap();
        assert_eq!(fixture.shelves().known(project(owner)), Known::default());
    }
}

#[test]
fn e1_every_flipped_byte_and_every_missing_one_is_noticed() {
    let fixture = Fixture::new();
    let functions = function(1, b"one");
    fixture.shelves().add(project(1), Lane::Plain, &functions);
    let path = fixture.path(&file_name(project(1), Lane::Plain));
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        for bad in [&flipped, &good[..at], &[&good[..], b"+"].concat()] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(fixture.shelves().known(project(1)), Known::default(), "at {at}");
            assert!(!path.exists(), "at {at}");
        }
    }
    std::fs::write(&path, &good).unwrap();
    assert_eq!(fixture.shelves().known(project(1)).plain, functions);
}

#[test]
fn what_is_in_the_way_gives_way() {
    let fixture = Fixture::new();
    std::fs::write(fixture.folder.path().join(FOLDER), "a file").unwrap();
    let shelves = fixture.shelves();
    let path = fixture.path(&file_name(project(1), Lane::Plain));
    std::fs::create_dir(&path).unwrap();
    shelves.add(project(1), Lane::Plain, &function(1, b"one"));
    assert_eq!(shelves.known(project(1)).plain, function(1, b"one"));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert_eq!(shelves.known(project(1)), Known::default());
    shelves.add(project(1), Lane::Plain, b"no functions");
    assert_eq!(fixture.files(), 0);
}

#[test]
fn the_sweep_keeps_what_is_wanted() {
    let fixture = Fixture::new();
    let shelves = fixture.shelves();
    for number in [1, 2] {
        shelves.add(project(number), Lane::Concurrent, &function(1, b"one"));
    }
    std::fs::write(fixture.path("draft-1"), "half").unwrap();
    std::fs::write(fixture.path("0-plain"), "foreign").unwrap();
    shelves.sweep(&|found| found == project(1)).unwrap();
    assert_eq!(fixture.files(), 1);
    assert_eq!(shelves.known(project(1)).concurrent, function(1, b"one"));
}

#[test]
fn the_file_not_used_for_longest_makes_room() {
    let fixture = Fixture::new();
    let set = function(1, &[1; 1000]);
    let shelves = Shelves { max_total_bytes: 3000, ..fixture.shelves() };
    let age = |number, seconds| {
        let path = fixture.path(&file_name(project(number), Lane::Plain));
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    };
    for number in [1, 2] {
        shelves.add(project(number), Lane::Plain, &set);
        age(number, 1000 + u64::try_from(number).unwrap());
    }
    assert_eq!(shelves.known(project(1)).plain, set, "used now");
    shelves.add(project(3), Lane::Plain, &set);
    let kept = [1, 2, 3].map(|number| !shelves.known(project(number)).plain.is_empty());
    assert_eq!(kept, [true, false, true]);
}
