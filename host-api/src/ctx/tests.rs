//! The interfaces as a component sees them: what links, and what each answers.

use std::sync::Mutex;

use tokio::runtime::Handle;
use uuid::Uuid;
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

use super::*;
use crate::bindings::ostro::functions::context;
use crate::bindings::ostro::queue::producer;
use crate::bindings::ostro::secrets::store as secrets;
use crate::bindings::wasi::config::store as config_store;
use crate::bindings::wasi::logging::logging as wasi_logging;
use crate::log::{LogSink, LogSource};
use crate::meter::Interface;
use crate::outbound_http::{EgressOptions, TlsClient};

#[derive(Default)]
struct Lines(Mutex<Vec<(LogSource, &'static str, String)>>);

impl LogSink for Lines {
    fn line(&self, source: LogSource, level: &'static str, message: String) {
        self.0.lock().unwrap().push((source, level, message));
    }
}

struct State {
    ctx: HostCtx,
    table: ResourceTable,
}

impl HostView for State {
    fn host(&mut self) -> HostCtxView<'_> {
        HostCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A function with two variables and the grants `secret:TOKEN` and `secret:MISSING`, in its first invocation.
fn begun() -> (State, Arc<Lines>) {
    let grants = Arc::new(Grants::parse(&["secret:TOKEN", "secret:MISSING"]).unwrap());
    let parts = HostParts {
        identity: Arc::new(Identity {
            project: "shop".to_owned(),
            function: "cart".to_owned(),
            revision: 3,
            bindings: owned(&[("MAIL", "queue:mail")]),
        }),
        grants: grants.clone(),
        environment: Arc::new(
            owned(&[("GREETING", "hello"), ("TOKEN", "from the environment")]).into_iter().collect(),
        ),
        egress: EgressPool::new(EgressOptions::new(TlsClient::new().unwrap(), Handle::current())),
        services: ProjectServices::closed(),
        limits: HostLimits::default(),
    };
    let mut ctx = HostCtx::new(parts);
    let lines = Arc::new(Lines::default());
    let values = owned(&[("TOKEN", "hunter2"), ("OTHER", "not granted")]);
    let secrets = Arc::new(SecretValues::new(&grants, values));
    let call = Call { invocation: Uuid::from_u128(7), deadline_ms: 30_000, ..Call::default() };
    ctx.begin(Invocation { call, log: lines.clone(), secrets });
    (State { ctx, table: ResourceTable::new() }, lines)
}

/// Every name that guests of today import, with the exact types.
#[test]
fn every_published_name_links() {
    const STORE: &str = r#"
        (export "get" (func (param "key" string) (result (result (option string) (error $e)))))
        (export "get-all" (func (result (result (list (tuple string string)) (error $e)))))"#;
    let config = |name: &str| {
        format!(
            r#"(import "{name}" (instance
                (type $variant (variant (case "upstream" string) (case "io" string)))
                (export "error" (type $e (eq $variant))) {STORE}))"#
        )
    };
    let logging = |name: &str| {
        format!(
            r#"(import "{name}" (instance
                (type $enum (enum "trace" "debug" "info" "warn" "error" "critical"))
                (export "level" (type $level (eq $enum)))
                (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))"#
        )
    };
    let imports = [
        config("wasi:config/store@0.2.0-rc.1"),
        config("wasi:config/store@0.2.0-draft-2024-09-27"),
        config("wasi:config/store@0.2.0-draft"),
        logging("wasi:logging/logging@0.1.0-draft"),
        logging("wasi:logging/logging"),
        r#"(import "ostro:secrets/store@0.1.0" (instance
            (type $variant (variant (case "denied" string) (case "unavailable" string)))
            (export "error" (type $e (eq $variant)))
            (export "get" (func (param "name" string) (result (result (option string) (error $e)))))
            (export "names" (func (result (list string))))))"#
            .to_owned(),
        r#"(import "ostro:queue/producer@0.1.0" (instance
            (type $variant (variant (case "denied" string) (case "unknown-queue" string) (case "full")
                (case "invalid" string) (case "unavailable" string)))
            (export "error" (type $e (eq $variant)))
            (type $record (record (field "body" (list u8)) (field "content-type" string) (field "delay-ms" u64)
                (field "dedupe-key" (option string)) (field "order-key" (option string))))
            (export "message" (type $m (eq $record)))
            (export "send" (func (param "queue" string) (param "messages" (list $m))
                (result (result (list string) (error $e)))))))"#
            .to_owned(),
        r#"(import "ostro:functions/context@0.1.0" (instance
            (type $record (record (field "project" string) (field "function" string) (field "revision" u32)
                (field "invocation" string) (field "deadline-ms" u64)))
            (export "facts" (type $f (eq $record)))
            (export "about" (func (result $f)))
            (export "bindings" (func (result (list (tuple string string)))))))"#
            .to_owned(),
        r#"(import "ostro:functions/invoke@0.1.0" (instance
            (type $variant (variant (case "denied" string) (case "unknown-function" string) (case "loop" string)
                (case "busy" string) (case "failed" string) (case "invalid" string) (case "unavailable" string)
                (case "deadline" string)))
            (export "error" (type $e (eq $variant)))
            (export "call" (func (param "function" string) (param "input" string) (param "options" string)
                (result (result string (error $e)))))
            (export "send" (func (param "function" string) (param "input" string) (param "options" string)
                (result (result string (error $e)))))))"#
            .to_owned(),
    ];
    let engine = Engine::new(&Config::new()).unwrap();
    let mut linker = Linker::<State>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    for import in imports {
        let bytes = wat::parse_str(format!("(component {import})")).unwrap();
        let component = Component::new(&engine, bytes).unwrap();
        linker.instantiate_pre(&component).map(drop).unwrap_or_else(|error| panic!("{import}: {error:?}"));
    }
}

#[tokio::test]
async fn a_secret_needs_its_grant() {
    let (mut state, lines) = begun();
    let mut get = |name: &str| secrets::Host::get(&mut state.host(), name.to_owned());
    assert_eq!(get("TOKEN").unwrap().as_deref(), Some("hunter2"));
    assert_eq!(get("MISSING").unwrap(), None);
    let Err(secrets::Error::Denied(text)) = get("OTHER") else { panic!("not refused") };
    assert!(text.contains(r#"add "secret:OTHER""#), "{text}");
    let Err(secrets::Error::Denied(text)) = get(&"x".repeat(1 << 20)) else { panic!("not refused") };
    assert!(text.len() < 300, "a made-up name is not repeated in full");
    assert_eq!(
        state.ctx.meter.uses().map(|(interface, used)| (interface, used.calls)).collect::<Vec<_>>(),
        [(Interface::Secrets, 4)]
    );
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|(source, ..)| *source == LogSource::Platform));
}

#[tokio::test]
async fn configuration_is_the_environment_and_granted_secrets() {
    let (mut state, _) = begun();
    let mut get = |key: &str| config_store::Host::get(&mut state.host(), key.to_owned()).unwrap();
    assert_eq!(get("GREETING").as_deref(), Some("hello"));
    assert_eq!(get("TOKEN").as_deref(), Some("hunter2"), "a secret comes before a variable");
    assert_eq!(get("OTHER"), None);
    assert_eq!(get("PATH"), None, "nothing of the server's own environment");
    let all = config_store::Host::get_all(&mut state.host()).unwrap();
    assert_eq!(all, owned(&[("GREETING", "hello"), ("TOKEN", "hunter2")]));
}

#[tokio::test]
async fn f7_a_secret_is_replaced_on_every_way_into_the_log() {
    use wasmtime_wasi::cli::StdoutStream;

    let (mut state, lines) = begun();
    for stream in [crate::Stream::Stdout, crate::Stream::Stderr] {
        let mut output = state.ctx.stream(stream).p2_stream();
        output.write("the token is hun".into()).unwrap();
        output.write("ter2\n".into()).unwrap();
    }
    let level = wasi_logging::Level::Critical;
    wasi_logging::Host::log(&mut state.host(), level, "hunter2".into(), "it was hunter2".into());
    state.ctx.log.platform("error", "the guest panicked: hunter2");
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 4);
    assert!(
        lines.iter().all(|(.., text)| !text.contains("hunter2") && text.contains("[secret TOKEN]")),
        "{lines:?}"
    );
    assert_eq!(lines[2].1, "critical");
}

#[tokio::test]
async fn an_invocation_leaves_nothing_to_the_next() {
    let (mut state, first) = begun();
    state.ctx.stream(crate::Stream::Stdout);
    state.ctx.log.write(crate::Stream::Stdout, b"unfinished");
    state.ctx.end();
    assert_eq!(first.0.lock().unwrap().len(), 1);
    let second = Arc::new(Lines::default());
    let call = Call { invocation: Uuid::from_u128(8), deadline_ms: 60_000, ..Call::default() };
    state.ctx.begin(Invocation { call, log: second.clone(), secrets: Arc::default() });
    assert_eq!(context::Host::about(&mut state.host()).invocation, Uuid::from_u128(8).to_string());
    assert_eq!(
        secrets::Host::get(&mut state.host(), "TOKEN".to_owned()).unwrap(),
        None,
        "the secret was deleted"
    );
    state.ctx.end();
    assert_eq!(second.0.lock().unwrap().len(), 0);
    let calls: Vec<_> = state.ctx.meter.uses().map(|(interface, used)| (interface, used.calls)).collect();
    assert_eq!(calls, [(Interface::Secrets, 1), (Interface::Context, 1)]);
}

#[tokio::test]
async fn a_function_knows_itself() {
    let (mut state, _) = begun();
    let facts = context::Host::about(&mut state.host());
    assert_eq!((facts.project.as_str(), facts.function.as_str(), facts.revision), ("shop", "cart", 3));
    assert_eq!((facts.invocation, facts.deadline_ms), (Uuid::from_u128(7).to_string(), 30_000));
    assert_eq!(context::Host::bindings(&mut state.host()), owned(&[("MAIL", "queue:mail")]));
}

#[tokio::test]
async fn a_message_needs_its_grant() {
    let (mut state, lines) = begun();
    let refused = producer::Host::send(&mut state.host(), "mail".to_owned(), Vec::new()).await;
    let Err(producer::Error::Denied(text)) = refused else { panic!("not refused") };
    assert!(text.contains(r#"add "queue:mail:send""#), "{text}");
    let long = producer::Host::send(&mut state.host(), "x".repeat(1 << 20), Vec::new()).await;
    let Err(producer::Error::Denied(text)) = long else { panic!("not refused") };
    assert!(text.len() < 300, "a made-up name is not repeated in full");
    assert_eq!(
        state.ctx.meter.uses().map(|(interface, used)| (interface, used.calls)).collect::<Vec<_>>(),
        [(Interface::Producer, 2)]
    );
    assert!(lines.0.lock().unwrap().iter().all(|(source, ..)| *source == LogSource::Platform));
}
