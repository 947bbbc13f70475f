//! The modules of `sdk/js/tests`, and others, as `ostro-js` builds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::dev;

/// The folder of the modules.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/js/tests")
}

/// The component of a module, or nothing where there is no `ostro-js`.
pub fn built(module: &Path) -> Option<Vec<u8>> {
    if !dev::has_javascript() {
        return None;
    }
    let own = std::env::var_os("OSTRO_JS")
        .map_or_else(|| Path::new(env!("CARGO_BIN_EXE_ostro")).with_file_name("ostro-js"), PathBuf::from);
    let out = tempfile::tempdir().unwrap();
    let component = out.path().join("out.wasm");
    let run = Command::new(own).arg("build").arg(module).arg("-o").arg(&component).output().unwrap();
    assert!(run.status.success(), "{}: {}", module.display(), String::from_utf8_lossy(&run.stderr));
    Some(std::fs::read(component).unwrap())
}
