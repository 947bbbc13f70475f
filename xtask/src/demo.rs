//! `cargo xtask demo`: from a fresh clone to a function that answers.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::build::{self, Profile};
use crate::http::Client;
use crate::server::{Server, Setup};
use crate::{guests, process, workspace};

const FUNCTION: &str = "hello-rust";
const FOLDER: &str = "demo";

/// `cargo xtask demo`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Stop after the answer
    #[arg(long)]
    once: bool,
}

/// `cargo xtask demo`.
pub(crate) fn run(options: Options) -> Result<()> {
    println!(
        "building the server (unoptimised, sharing its parts with `cargo xtask test`; minutes the first time)"
    );
    let ostro = build::ostro(Profile::Dev)?;
    guests::component(FUNCTION)?;

    let (setup, server) = start(&ostro)?;
    println!("\n$ ostro deploy --no-build examples/{FUNCTION}");
    let example = workspace::root().join("examples").join(FUNCTION);
    process::run(server.address(&mut setup.cli()).args(["deploy", "--no-build"]).arg(example))?;

    let path = format!("/{FUNCTION}/world");
    println!("\n$ curl http://{}{path}", server.listen);
    let answer = Client::new(server.listen, Duration::from_secs(30))
        .get(&server.listen.to_string(), &path)
        .context("the function does not answer")?;
    print!("{}", answer.text());
    if answer.status != 200 {
        bail!("the function answered {}", answer.status);
    }
    match options.once {
        true => server.stop()?,
        false => {
            tell(&setup, &server);
            stay(server)?;
        }
    }
    // The usual folder stays, to look at; one of many would only pile up.
    if setup.folder != workspace::target().join(FOLDER) {
        std::fs::remove_dir_all(&setup.folder)?;
    }
    Ok(())
}

/// A demo starts empty. Beside another one, or a server of the user's, it has free ports and a folder of its own.
fn start(ostro: &std::path::Path) -> Result<(Setup, Server)> {
    let setup = Setup::on_usual_ports(ostro, &workspace::target().join(FOLDER));
    let beside = setup.addresses.iter().any(|address| address.ends_with(":0"));
    let name = if beside { format!("{FOLDER}-{}", std::process::id()) } else { FOLDER.to_owned() };
    let setup = Setup { folder: workspace::fresh(&name)?, ..setup };
    let server = setup.start()?;
    println!("\nserver: functions on http://{}, control API on http://{}", server.listen, server.admin);
    println!("state and log: {}", setup.folder.display());
    Ok((setup, server))
}

fn tell(setup: &Setup, server: &Server) {
    println!("\nIn a browser: http://{FUNCTION}.localhost:{}/", server.listen.port());
    println!("\nIn another terminal, to go on:");
    println!("  export XDG_CONFIG_HOME={}", setup.folder.join("config").display());
    println!("  {} list", setup.ostro.display());
    println!("  {} logs {FUNCTION} -f", setup.ostro.display());
    println!("\nCtrl-C stops the server.");
}

/// Waits for Ctrl-C, for a polite kill, or for the server to end by itself.
fn stay(mut server: Server) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        loop {
            tokio::select! {
                // Ctrl-C reaches the server too; what came first must be seen first.
                biased;
                _ = interrupt.recv() => return anyhow::Ok(None),
                _ = terminate.recv() => return Ok(None),
                _ = tick.tick() => if let Some(status) = server.ended()? { return Ok(Some(status)) },
            }
        }
    })?;
    match ended {
        None => server.stop(),
        Some(status) => bail!("the server ended by itself ({status}); its log is beside its data"),
    }
}
