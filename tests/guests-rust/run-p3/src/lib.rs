//! A command of WASI 0.3: as CGI it sends back what it is sent, in upper case and piece by piece; with an argument it
//! fails in the middle.

use wasip3::cli::{environment, stderr, stdin, stdout};
use wasip3::wit_bindgen::{StreamResult, spawn_local};
use wasip3::wit_stream;

wasip3::cli::command::export!(Shout);

struct Shout;

impl wasip3::exports::cli::run::Guest for Shout {
    async fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        let variables = environment::get_environment();
        let method =
            variables.iter().find(|(name, _)| name == "REQUEST_METHOD").map_or("", |(_, value)| value);
        let (mut log, lines) = wit_stream::new();
        let logged = stderr::write_via_stream(lines);
        log.write_all(b"shouting\n".to_vec()).await;
        drop(log);
        logged.await.map_err(|_| ())?;

        let (mut out, written) = wit_stream::new();
        let done = stdout::write_via_stream(written);
        let (mut input, _) = stdin::read_via_stream();
        let head = format!("Content-Type: text/plain\nX-Method: {method}\n\n");
        let fails = arguments.len() > 1;
        let copied = async move {
            out.write_all(head.into_bytes()).await;
            loop {
                let (result, bytes) = input.read(Vec::with_capacity(4096)).await;
                out.write_all(bytes.to_ascii_uppercase()).await;
                if fails || !matches!(result, StreamResult::Complete(_)) {
                    break;
                }
            }
        };
        spawn_local(copied);
        done.await.map_err(|_| ())?;
        if fails { Err(()) } else { Ok(()) }
    }
}
