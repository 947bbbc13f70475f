//! Puts the bundled prelude into the executable.

use std::path::Path;

fn main() {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let prelude = Path::new(&folder).join("../../../target/js/prelude.js");
    println!("cargo:rerun-if-changed={}", prelude.display());
    println!("cargo:rerun-if-changed=build.rs");
    match prelude.canonicalize() {
        Ok(path) => println!("cargo:rustc-env=OSTRO_PRELUDE={}", path.display()),
        Err(error) => {
            println!("cargo:error={} is not there ({error}): run `cargo xtask js`", prelude.display());
        }
    }
}
