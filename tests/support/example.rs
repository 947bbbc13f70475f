//! The functions of `examples/` and the ready-made guests, as `cargo xtask guests` builds them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The component of an example. Built first when it is not there; `cargo xtask test` brings it up to date.
pub fn component(name: &str) -> Vec<u8> {
    component_if_possible(name).unwrap_or_else(|reason| panic!("{name} cannot be built: {reason}"))
}

/// The component of a guest whose tools not every machine has; without them, the reason why not.
pub fn component_if_possible(name: &str) -> Result<Vec<u8>, String> {
    static BUILDING: Mutex<()> = Mutex::new(());
    let file = target().join("guests").join(format!("{name}.wasm"));
    let skipped = file.with_extension("skipped");
    let building = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !file.is_file() && !skipped.is_file() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["run", "--quiet", "--package", "xtask", "--", "guests", name])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "`cargo xtask guests {name}` failed:\n{words}");
    }
    drop(building);
    match std::fs::read_to_string(&skipped) {
        Ok(reason) => Err(reason),
        Err(_) => Ok(std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))),
    }
}

/// The manifest of an example, with each text replaced by the other: its upstreams by those of a test.
pub fn manifest(name: &str, replaced: &[(&str, &str)]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).join("ostro.toml");
    let mut text =
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for (from, to) in replaced {
        assert!(text.contains(from), "{} does not contain {from:?}", file.display());
        text = text.replace(from, to);
    }
    text
}

/// Cargo's output folder: two above the folder of this test's executable, `TARGET/PROFILE/deps`.
fn target() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(3).unwrap().to_owned()
}
