//! How a guest is run, decided by what it exports and by what its types need.

use store::catalog::GuestKind;

use super::{Reason, Rejected, Surface, quote};

/// How invocations enter a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// Through exports that take requests and events.
    Handler,
    /// By running it, as CGI.
    Command,
}

/// An interface that the server calls, and the version of it.
struct Start {
    interface: &'static str,
    version: &'static str,
    entry: Entry,
    /// The call is asynchronous: it needs an engine with concurrency support.
    concurrent: bool,
}

/// Everything that a component can be started by. Of several, the first that calls it a handler decides.
const STARTS: [Start; 8] = [
    handler("wasi:http/incoming-handler", "0.2", false),
    handler("wasi:http/handler", "0.3", true),
    handler("ostro:triggers/scheduled", "0.1", false),
    handler("ostro:triggers/queued", "0.1", false),
    handler("ostro:triggers/scheduled-async", "0.1", true),
    handler("ostro:triggers/queued-async", "0.1", true),
    command("0.2", false),
    command("0.3", true),
];

const fn handler(interface: &'static str, version: &'static str, concurrent: bool) -> Start {
    Start { interface, version, entry: Entry::Handler, concurrent }
}

const fn command(version: &'static str, concurrent: bool) -> Start {
    Start { interface: "wasi:cli/run", version, entry: Entry::Command, concurrent }
}

impl Start {
    /// Whether a component's export of that name is this one. Drafts (`0.3.0-rc`) are other versions.
    fn is(&self, export: &str) -> bool {
        export.split_once('@').is_some_and(|(interface, version)| {
            interface == self.interface && is_release_of(version, self.version)
        })
    }
}

/// What has to be known of a core module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleFacts {
    /// It carries the custom section that says which component it is.
    pub metadata: bool,
    /// It exports `_start`, as commands do.
    pub start: bool,
    /// It exports functions of a WIT interface: names such as `wasi:http/incoming-handler@0.2.0#handle`.
    pub interfaces: bool,
    /// Functions of WASI preview 1 that it imports.
    pub preview1: Vec<String>,
    /// Everything else that it imports, as `module.name`.
    pub foreign: Vec<String>,
}

/// What stands between a core module and WASI 0.2 when it is made a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// Nothing: it imports components' interfaces itself.
    None,
    /// Preview 1 for a component that is called.
    Reactor,
    /// Preview 1 for a component that is run.
    Command,
}

/// Decides whether a core module can be made a component, and by which adapter.
pub fn decide_module(facts: &ModuleFacts) -> Result<Adapter, Rejected> {
    let adapter = match facts {
        ModuleFacts { start: true, interfaces: false, .. } => Adapter::Command,
        ModuleFacts { preview1, .. } if preview1.is_empty() => Adapter::None,
        _ => Adapter::Reactor,
    };
    if facts.metadata || (adapter == Adapter::Command && facts.foreign.is_empty()) {
        return Ok(adapter);
    }
    let unsupported = |message: String| Rejected::new(Reason::Unsupported, message);
    Err(match (adapter, facts.foreign.as_slice()) {
        (Adapter::Command, foreign) => unsupported(format!(
            "this command imports what is not part of WASI preview 1: {}",
            list(foreign)
        ))
        .names(foreign)
        .hint("build it without these imports: they are functions of another host, such as a browser or a runtime with threads"),
        (Adapter::Reactor, _) => unsupported(
            "this WASI preview 1 module exports neither `_start`, as a command does, nor the functions of a WIT interface"
                .to_owned(),
        )
        .hint("build a program with a main function, or a component (for Rust: --target wasm32-wasip2)"),
        (Adapter::None, _) => unsupported(
            "this is a core module without component metadata: nothing says how to call it".to_owned(),
        )
        .hint("build a command or a component (for Rust: --target wasm32-wasip2), or embed its WIT with wasm-tools component embed"),
    })
}

/// Decides what kind of guest a component is: it can be started by at least one of [`STARTS`].
pub fn decide_kind(surface: &Surface) -> Result<GuestKind, Rejected> {
    let found: Vec<&Start> =
        STARTS.iter().filter(|start| surface.exports.iter().any(|name| start.is(name))).collect();
    let concurrent = surface.concurrent
        || found.iter().any(|start| start.concurrent)
        || surface.imports.iter().any(|name| is_wasi_03(name));
    let entry = match found.iter().find(|start| start.entry == Entry::Handler).or(found.first()) {
        Some(start) => start.entry,
        None => return Err(no_start(&surface.exports)),
    };
    Ok(match (entry, concurrent) {
        (Entry::Handler, false) => GuestKind::Http02,
        (Entry::Handler, true) => GuestKind::Http03,
        (Entry::Command, false) => GuestKind::Command,
        (Entry::Command, true) => GuestKind::Command03,
    })
}

/// The refusal of a component that nothing can start: what it exports, and what it would have to.
fn no_start(exports: &[String]) -> Rejected {
    let unsupported = |message: String| Rejected::new(Reason::Unsupported, message).names(exports);
    for name in exports {
        let interface = name.split('@').next();
        let known: Vec<&Start> = STARTS.iter().filter(|start| Some(start.interface) == interface).collect();
        if known.is_empty() {
            continue;
        }
        let wanted: Vec<_> =
            known.iter().map(|start| format!("{}@{}.x", start.interface, start.version)).collect();
        return unsupported(format!(
            "this component exports {}, which is another version; what is missing: {}",
            quote(name),
            wanted.join(" or ")
        ))
        .hint(format!("build it against {}", wanted.join(" or ")));
    }
    let found = if exports.is_empty() { "nothing".to_owned() } else { list(exports) };
    let wanted: Vec<_> =
        STARTS.iter().map(|start| format!("{}@{}.x", start.interface, start.version)).collect();
    unsupported(format!(
        "this component exports nothing to start it by; it exports {found}; what is missing: one of {}",
        wanted.join(", ")
    ))
    .hint("export wasi:http/incoming-handler@0.2.x or wasi:http/handler@0.3.x, or build a program with a main function")
}

/// `0.2.10` is a release of `0.2`; `0.2`, `0.20.1` and `0.2.0-rc-2023` are not.
fn is_release_of(version: &str, minor: &str) -> bool {
    let patch = version.strip_prefix(minor).and_then(|rest| rest.strip_prefix('.'));
    patch.is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether an import belongs to WASI 0.3, in any of its releases.
fn is_wasi_03(import: &str) -> bool {
    import.starts_with("wasi:")
        && import.split_once('@').is_some_and(|(_, version)| is_release_of(version, "0.3"))
}

/// The first ten names, for a message.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
