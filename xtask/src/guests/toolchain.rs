//! Which compiler makes guests: the wasm32-wasip2 target where rustup has it or can fetch it, else Debian's packages.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::process;
use crate::tool::{self, Tool};

const TARGET: &str = "wasm32-wasip2";

/// Debian carries a recent compiler with its library source, which builds the standard library for wasm.
const DEBIAN: [Tool; 4] = [
    Tool { needs: "/usr/bin/rustc", package: "rustc-web", why: "the compiler for guests" },
    Tool { needs: "/usr/bin/cargo", package: "cargo-web", why: "the cargo of that compiler" },
    Tool {
        needs: "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
        package: "rust-web-src",
        why: "the standard library's source, built for wasm once",
    },
    Tool { needs: "wasm-ld-22", package: "lld-22", why: "the linker for wasm" },
];

/// What programs with a main function need besides: files, arguments and environment are WASI's.
const DEBIAN_LIBC: Tool = Tool {
    needs: "/usr/lib/wasm32-wasi/crt1-command.o",
    package: "wasi-libc",
    why: "the C library of programs for WASI",
};

/// What a Rust package makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A library that exports the functions of its world.
    Library,
    /// A program with a main function: a command.
    Program,
}

/// What the person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wish {
    /// The first that this machine can have.
    Any,
    /// The wasm32-wasip2 target of the Rust in use.
    Rustup,
    /// Debian's packages.
    Debian,
}

/// A compiler for guests.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The Rust in use, with the wasm32-wasip2 target.
    Target,
    /// Debian's, with its standard library built for wasm32-unknown-unknown.
    Debian {
        /// The wasm linker.
        linker: PathBuf,
    },
}

/// Finds a compiler; installs one where that is possible, saying so.
pub(crate) fn choose(wish: Wish) -> Result<Toolchain> {
    if wish == Wish::Debian {
        return debian();
    }
    if has_target() {
        return Ok(Toolchain::Target);
    }
    let added = add_target();
    match (added, wish) {
        (Ok(()), _) => Ok(Toolchain::Target),
        (Err(error), Wish::Rustup) => Err(error),
        (Err(error), _) => {
            println!("{error:#}; trying Debian's packages");
            debian().context(
                "no compiler for WebAssembly guests; the simplest way: rustup target add wasm32-wasip2",
            )
        }
    }
}

impl Toolchain {
    /// `cargo build` for a guest; the caller sets folders. May install what programs need, saying so.
    pub(crate) fn cargo(&self, form: Form) -> Result<Command> {
        let mut cargo = match self {
            Toolchain::Target => process::cargo(),
            Toolchain::Debian { .. } => Command::new("/usr/bin/cargo"),
        };
        process::forget_cargo(&mut cargo);
        cargo.args(["build", "--release", "--locked", "--target", self.triple(form)]);
        if let Toolchain::Debian { linker } = self {
            cargo
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC", "/usr/bin/rustc")
                // A stable compiler builds its own standard library only when told that it may.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                .env("CARGO_TARGET_WASM32_WASIP1_LINKER", linker)
                .env_remove("RUSTUP_TOOLCHAIN");
            if form == Form::Program {
                tool::ensure(&[DEBIAN_LIBC])?;
                cargo.env(
                    "CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS",
                    format!(
                        "-L /usr/lib/wasm32-wasi -C link-self-contained=no -C link-arg={}",
                        DEBIAN_LIBC.needs
                    ),
                );
            }
        }
        Ok(cargo)
    }

    /// The target whose folder has the result.
    pub(crate) fn triple(&self, form: Form) -> &'static str {
        match (self, form) {
            (Toolchain::Target, _) => TARGET,
            (Toolchain::Debian { .. }, Form::Library) => "wasm32-unknown-unknown",
            (Toolchain::Debian { .. }, Form::Program) => "wasm32-wasip1",
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Toolchain::Target => f.write_str("the target wasm32-wasip2"),
            Toolchain::Debian { .. } => {
                f.write_str("Debian's compiler (its standard library first: about a minute)")
            }
        }
    }
}

fn has_target() -> bool {
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]));
    sysroot.is_ok_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir())
}

fn add_target() -> Result<()> {
    if tool::find("rustup").is_none() {
        bail!("this Rust has no target {TARGET}, and there is no rustup");
    }
    println!("adding the Rust target {TARGET} by rustup: guests are compiled for it");
    process::output(Command::new("rustup").args(["target", "add", TARGET]))
        .with_context(|| format!("rustup cannot add {TARGET}"))?;
    match has_target() {
        true => Ok(()),
        false => bail!("rustup added {TARGET}, but not to the Rust in use"),
    }
}

fn debian() -> Result<Toolchain> {
    tool::ensure(&DEBIAN)?;
    let linker = tool::find("wasm-ld-22").context("there is no wasm-ld-22")?;
    Ok(Toolchain::Debian { linker })
}
