//! Tampering with compiled code (threats E1, E2, E4).

use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use store::catalog::{Digest, ProjectId};
use tempfile::TempDir;

use super::*;

const CODE: &[u8] = b"pretend machine code, long enough to be cut";
const KEY: [u8; 32] = [7; 32];

struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// A cache as after a restart: it has verified nothing.
    fn cache(&self) -> Arc<Cache> {
        self.cache_of(KEY, "engine 1")
    }

    fn cache_of(&self, key: [u8; 32], engine: &str) -> Arc<Cache> {
        let dir = Dir::open_ambient_dir(self.folder.path(), ambient_authority()).unwrap();
        Arc::new(Cache::new(dir, Sealer::new(key, engine)))
    }

    fn publish(&self, name: &Name, code: &[u8]) {
        self.cache().stage(name, GuestKind::Http02, code).unwrap().publish().unwrap();
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count()
    }
}

fn name(text: &str) -> Name {
    Name { project: ProjectId(Uuid::nil()), wasm: Digest::of(text.as_bytes()) }
}

fn sweep(cache: &Cache) -> Swept {
    cache.sweep(&|_| true).unwrap()
}

fn content(cache: &Cache, name: &Name) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    cache.open(name)?.0.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

#[test]
fn published_code_survives_a_restart() {
    let fixture = Fixture::new();
    let a = name("a");
    let cache = fixture.cache();
    cache.stage(&a, GuestKind::Http02, CODE).unwrap().publish().unwrap();
    assert_eq!(content(&cache, &a).as_deref(), Some(CODE));
    let restarted = fixture.cache();
    assert!(restarted.open(&a).is_none(), "nothing is trusted before the sweep");
    assert_eq!(sweep(&restarted), Swept { kept: 1, removed: 0 });
    assert_eq!(content(&restarted, &a).as_deref(), Some(CODE));
    assert_eq!(restarted.sweep(&|_| false).unwrap(), Swept { kept: 0, removed: 2 });
    assert!(restarted.open(&a).is_none());
    assert_eq!(fixture.files(), 0);
}

#[test]
fn what_is_not_published_leaves_nothing() {
    let fixture = Fixture::new();
    let staged = fixture.cache().stage(&name("a"), GuestKind::Http02, CODE).unwrap();
    assert_eq!(fixture.files(), 2);
    drop(staged);
    assert_eq!(fixture.files(), 0);
}

#[test]
fn e1_every_flipped_byte_is_noticed() {
    let fixture = Fixture::new();
    let a = name("a");
    for file in [a.code_file(), a.seal_file()] {
        fixture.publish(&a, CODE);
        let length = std::fs::metadata(fixture.path(&file)).unwrap().len();
        for at in 0..length {
            fixture.publish(&a, CODE);
            let opened =
                std::fs::OpenOptions::new().read(true).write(true).open(fixture.path(&file)).unwrap();
            let mut byte = [0];
            opened.read_exact_at(&mut byte, at).unwrap();
            opened.write_all_at(&[byte[0] ^ 1], at).unwrap();
            let cache = fixture.cache();
            assert_eq!(sweep(&cache).kept, 0, "{file} at {at}");
            assert!(cache.open(&a).is_none());
            assert_eq!(fixture.files(), 0, "what is wrong is removed");
        }
    }
}

/// Does something to the code's file; the sweep must not trust what is there then, and must clean up.
fn refused_after(tamper: impl FnOnce(&Fixture, &Path)) {
    let fixture = Fixture::new();
    let (a, b) = (name("a"), name("b"));
    fixture.publish(&a, CODE);
    fixture.publish(&b, b"other code");
    tamper(&fixture, &fixture.path(&a.code_file()));
    let cache = fixture.cache();
    sweep(&cache);
    assert!(cache.open(&a).is_none());
    // What is made again takes the place of whatever is left.
    cache.stage(&a, GuestKind::Http02, CODE).unwrap().publish().unwrap();
    assert_eq!(content(&cache, &a).as_deref(), Some(CODE));
}

#[test]
fn e1_other_things_in_the_place_of_code() {
    refused_after(|_, code| std::fs::write(code, b"").unwrap());
    refused_after(|_, code| std::fs::write(code, &CODE[..CODE.len() - 1]).unwrap());
    refused_after(|_, code| std::fs::write(code, [CODE, b"more"].concat()).unwrap());
    refused_after(|fixture, code| {
        std::fs::copy(fixture.path(&name("b").code_file()), code).unwrap();
    });
    refused_after(|fixture, code| {
        std::fs::copy(fixture.path(&name("b").code_file()), code).unwrap();
        let seal = fixture.path(&name("a").seal_file());
        std::fs::copy(fixture.path(&name("b").seal_file()), seal).unwrap();
    });
    refused_after(|_, code| {
        std::fs::remove_file(code).unwrap();
        std::fs::create_dir(code).unwrap();
        std::fs::write(code.join("file"), b"x").unwrap();
    });
    refused_after(|fixture, code| {
        std::fs::rename(code, fixture.path("elsewhere")).unwrap();
        symlink(fixture.path("elsewhere"), code).unwrap();
    });
    refused_after(|_, code| {
        std::fs::remove_file(code).unwrap();
        let made = std::process::Command::new("mkfifo").arg(code).status().unwrap();
        assert!(made.success());
    });
    refused_after(|fixture, _| std::fs::remove_file(fixture.path(&name("a").seal_file())).unwrap());
    refused_after(|fixture, _| {
        std::fs::write(fixture.path(&name("a").seal_file()), vec![b' '; 1 << 20]).unwrap()
    });
}

#[test]
fn e2_a_seal_under_another_key_is_worthless() {
    let fixture = Fixture::new();
    let a = name("a");
    let forger = fixture.cache_of([8; 32], "engine 1");
    forger.stage(&a, GuestKind::Http02, CODE).unwrap().publish().unwrap();
    assert_eq!(sweep(&fixture.cache()), Swept { kept: 0, removed: 1 });
}

#[test]
fn e4_code_of_another_engine_is_made_again() {
    let fixture = Fixture::new();
    fixture.publish(&name("a"), CODE);
    assert_eq!(sweep(&fixture.cache_of(KEY, "engine 2")), Swept { kept: 0, removed: 1 });
}

#[test]
fn e3_a_change_after_the_sweep_is_noticed() {
    let fixture = Fixture::new();
    let a = name("a");
    let cache = fixture.cache();
    for tamper in [&|path: &Path| std::fs::write(path, CODE).unwrap(), &|path: &Path| {
        std::fs::copy(path, path.with_extension("copy")).unwrap();
        std::fs::rename(path.with_extension("copy"), path).unwrap();
    }] as [&dyn Fn(&Path); 2]
    {
        cache.stage(&a, GuestKind::Http02, CODE).unwrap().publish().unwrap();
        assert!(cache.open(&a).is_some());
        // The kernel's clock for change times moves a few milliseconds at a time.
        std::thread::sleep(std::time::Duration::from_millis(20));
        tamper(&fixture.path(&a.code_file()));
        assert!(cache.open(&a).is_none());
    }
}

#[test]
fn foreign_and_unfinished_files_are_removed() {
    let fixture = Fixture::new();
    let a = name("a");
    fixture.publish(&a, CODE);
    for file in ["draft-1.cwasm", "README", "..cwasm", "x-y.cwasm"] {
        std::fs::write(fixture.path(file), b"x").unwrap();
    }
    std::fs::write(fixture.path(&name("b").seal_file()), b"{}").unwrap();
    assert_eq!(sweep(&fixture.cache()), Swept { kept: 1, removed: 5 });
    assert_eq!(fixture.files(), 2);
}

#[test]
fn names_read_back_and_nothing_else_does() {
    let a = name("a");
    assert_eq!(Name::parse(&a.to_string()), Some(a.clone()));
    let digest = a.wasm.as_str();
    for text in ["", "-", &format!("x-{digest}"), &format!("{}-{digest}", Uuid::nil()), &a.to_string()[1..]] {
        assert_eq!(Name::parse(text), None, "{text}");
    }
}
