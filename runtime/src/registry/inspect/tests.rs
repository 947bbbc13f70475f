//! What is refused before the compiler sees it, by the ids of the threat list.

use proptest::prelude::*;
use store::catalog::GuestKind;

use super::*;

const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], leb(content.len()).as_slice(), content].concat()
}

/// A vector of the binary format: its length, then one item so many times.
fn times(count: usize, item: &[u8]) -> Vec<u8> {
    [leb(count), item.repeat(count)].concat()
}

fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [EMPTY_MODULE.to_vec(), sections.concat()].concat()
}

/// A module with one function of that body, its locals' declarations included.
fn function(body: &[u8]) -> Vec<u8> {
    let body = [leb(body.len()).as_slice(), body].concat();
    module(&[
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[1, 0]),
        section(10, &[&[1], body.as_slice()].concat()),
    ])
}

#[test]
fn a1_first_bytes() {
    for (bytes, offset, word) in [
        (&b""[..], 0, "empty"),
        (b"\0", 1, "ends at byte 1"),
        (b"\0as", 3, "ends at byte 3"),
        (b"\0asX\x01\0\0\0", 0, "text"),
        (b"\0as\xFF\x01\0\0\0", 3, "byte 3 is wrong"),
        (b"\xC3\x28\xA0\xA1 random", 0, "byte 0 is wrong"),
        (b"\0asm", 4, "within its header"),
        (b"\0asm\x01\0", 6, "within its header"),
        (b"\0asm\x02\0\0\0", 4, "not known"),
        (b"\0asm\x0c\0\x01\0", 4, "old draft"),
        (b"\0asm\xFF\xFF\xFF\xFF", 4, "not known"),
        (b"(module)", 0, "WebAssembly text"),
        (b"\n ;; a comment\n(component)", 0, "WebAssembly text"),
        (b"export default {}", 0, "this is text"),
        (b"\x7fELF\x02\x01\x01\0", 0, "native program"),
        (b"\x1f\x8b\x08\0\0\0", 0, "gzip"),
        (b"PK\x03\x04rest", 0, "zip"),
    ] {
        let rejected = form(bytes).expect_err(word);
        assert_eq!(rejected.reason, Reason::Invalid);
        assert_eq!(rejected.offset, Some(offset), "{bytes:?}: {rejected:?}");
        assert!(rejected.message.contains(word), "{bytes:?}: {rejected:?}");
        assert!(rejected.hint.is_some(), "{bytes:?}");
    }
    assert_eq!(form(EMPTY_MODULE), Ok(Form::Module));
    assert_eq!(form(EMPTY_COMPONENT), Ok(Form::Component));
}

#[test]
fn a1_garbage_after_the_header_is_placed() {
    for (bytes, least) in [
        ([EMPTY_MODULE, b"\xFF\xFF\xFF"].concat(), 8),
        ([EMPTY_COMPONENT, b"garbage!"].concat(), 8),
        (module(&[section(1, &[1, 0x60, 0])]), 10),
    ] {
        let rejected = check(&bytes).unwrap_err();
        assert_eq!(rejected.reason, Reason::Invalid);
        assert!(rejected.offset.is_some_and(|offset| offset >= least), "{rejected:?}");
        let problem = Problem::from(rejected);
        assert_eq!((problem.status.as_u16(), problem.code), (422, "invalid_component"));
        assert!(problem.message.contains("at byte"), "{}", problem.message);
    }
}

#[test]
fn a4_limits_before_the_compiler() {
    let deep = [vec![0], [2, 0x40].repeat(100_000), vec![0x0B; 100_001]].concat();
    let table = [&[0, 0x41, 0, 0x0E], times(1_000_000, &[0]).as_slice(), &[0, 0x0B]].concat();
    let many_locals = [&[1], leb(60_000).as_slice(), &[0x7F, 0x0B]].concat();
    let large = [&[1], leb(20_000).as_slice(), &[0x7F], [1].repeat(2 << 20).as_slice(), &[0x0B]].concat();
    for (what, bytes) in [
        ("functions", module(&[section(1, &[1, 0x60, 0, 0]), section(3, &times(1_000_000, &[0]))])),
        ("types", module(&[section(1, &times(1_000_000, &[0x60, 0, 0]))])),
        ("globals", module(&[section(6, &times(200_000, &[0x7F, 0, 0x41, 0, 0x0B]))])),
        ("blocks within each other", function(&deep)),
        ("targets of one branch table", function(&table)),
        ("locals", function(&many_locals)),
        ("locals of a function over 1 MiB", function(&large)),
        ("custom sections", module(&[section(0, &[&[1, b'x'], vec![0; 33 << 20].as_slice()].concat())])),
    ] {
        let rejected = check(&bytes).expect_err(what);
        assert_eq!(rejected.reason, Reason::Limit, "{what}: {rejected:?}");
        assert!(rejected.message.contains(what), "{what}: {rejected:?}");
    }
    let usual = [vec![0], [2, 0x40].repeat(1_000), vec![0x0B; 1_001]].concat();
    assert_eq!(check(&function(&usual)), Ok(()));
}

/// Eight levels, each making eight of the one before: sixteen million instances in a few hundred bytes.
fn bomb(levels: usize, each: usize) -> Vec<u8> {
    let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=levels {
        let inner = format!("(instance (instantiate $c{}))", level - 1).repeat(each);
        text = format!("(component $c{level} {text} {inner})");
    }
    wat(&text)
}

#[test]
fn a6_counts_are_taken_after_expansion() {
    assert_eq!(check(&bomb(2, 2)), Ok(()));
    let parts = check(&bomb(1, 5)).unwrap_err();
    assert!(parts.message.contains("components with code of their own: more than 4"), "{parts:?}");
    for bytes in [bomb(3, 8), bomb(8, 8), bomb(12, 12)] {
        let rejected = check(&bytes).unwrap_err();
        assert_eq!(rejected.reason, Reason::Limit, "{rejected:?}");
        assert!(bytes.len() < 4_000 && rejected.message.contains("instantiating"), "{rejected:?}");
    }
    let hungry = |what: &str, each: usize, instances: usize| {
        let module = format!("(core module $m {})", what.repeat(each));
        wat(&format!("(component {module} {})", "(core instance (instantiate $m))".repeat(instances)))
    };
    assert_eq!(check(&hungry("(memory 0)", 4, 1)), Ok(()));
    assert!(check(&hungry("(memory 0)", 5, 1)).unwrap_err().message.contains("memories"));
    assert!(check(&hungry("(memory 0)", 3, 3)).unwrap_err().message.contains("memories"));
    assert_eq!(check(&hungry("(table 0 funcref)", 4, 4)), Ok(()));
    assert!(check(&hungry("(table 0 funcref)", 5, 4)).unwrap_err().message.contains("tables"));
    assert!(check(&hungry("", 0, 1_000)).unwrap_err().message.contains("core instances"));
}

#[test]
fn a6_aliases_do_not_hide_the_expansion() {
    let outer = "(component
        (core module $m (memory 0))
        (component $inner (alias outer 1 $m (core module $n)) (core instance (instantiate $n)) (core instance (instantiate $n)))
        (export $again \"a\" (component $inner))
        (instance (instantiate $inner)) (instance (instantiate $again))
        EXTRA)";
    assert_eq!(check(&wat(&outer.replace("EXTRA", ""))), Ok(()));
    let more = check(&wat(&outer.replace("EXTRA", "(instance (instantiate $again))"))).unwrap_err();
    assert!(more.message.contains("memories"), "{more:?}");
    let argument =
        check(&wat("(component (import \"m\" (core module $m)) (core instance (instantiate $m)))"))
            .unwrap_err();
    assert_eq!(argument.reason, Reason::Unsupported);
}

#[test]
fn b11_threads_are_refused() {
    let shared = check(&wat("(module (memory 1 1 shared))")).unwrap_err();
    assert!(shared.message.contains("shared memory"), "{shared:?}");
    let imported = check(&wat("(module (import \"a\" \"b\" (memory 1 1 shared)))")).unwrap_err();
    assert!(imported.message.contains("shared memory"), "{imported:?}");
    assert!(check(&wat("(module (memory 1) (func i32.const 0 i32.atomic.load drop))")).is_err());
}

fn surface_of(imports: &[&str], exports: &[&str], concurrent: bool) -> Surface {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Surface { imports: owned(imports), exports: owned(exports), concurrent }
}

#[test]
fn exports_decide_the_kind() {
    use GuestKind::{Command, Command03, Http02, Http03};
    for (exports, kind) in [
        (&["wasi:http/incoming-handler@0.2.0"][..], Http02),
        (&["x", "wasi:http/incoming-handler@0.2.10"], Http02),
        (&["ostro:triggers/scheduled@0.1.0"], Http02),
        (&["wasi:http/handler@0.3.0"], Http03),
        (&["wasi:http/handler@0.3.1", "wasi:http/incoming-handler@0.2.0"], Http03),
        (&["ostro:triggers/queued@0.1.2", "wasi:http/handler@0.3.0"], Http03),
        (&["ostro:triggers/queued-async@0.1.0"], Http03),
        (&["ostro:triggers/scheduled-async@0.1.0", "wasi:http/incoming-handler@0.2.0"], Http03),
        (&["wasi:cli/run@0.2.0"], Command),
        (&["wasi:cli/run@0.2.12"], Command),
        (&["wasi:cli/run@0.3.0"], Command03),
        (&["wasi:cli/run@0.2.0", "wasi:http/incoming-handler@0.2.0"], Http02),
        (&["wasi:cli/run@0.3.0", "ostro:triggers/queued-async@0.1.0"], Http03),
    ] {
        assert_eq!(decide_kind(&surface_of(&[], exports, false)), Ok(kind), "{exports:?}");
    }
    for (exports, word) in [
        (&["wasi:http/incoming-handler@0.3.0"][..], "another version"),
        (&["wasi:http/incoming-handler"], "another version"),
        (&["wasi:http/handler@0.3.0-rc-2025-09-16"], "missing: wasi:http/handler@0.3.x"),
        (&["wasi:http/handler@0.30.0"], "another version"),
        (&["ostro:triggers/queued@0.2.0"], "missing: ostro:triggers/queued@0.1.x"),
        (&["ostro:triggers/queued-by-others@0.1.0"], "it exports ostro:triggers/queued-by-others@0.1.0"),
        (&["wasi:cli/run@0.1.0"], "missing: wasi:cli/run@0.2.x or wasi:cli/run@0.3.x"),
        (&["add", "\u{1b}[31mred"], "it exports add, \\u{1b}[31mred"),
        (&[], "it exports nothing"),
    ] {
        let rejected = decide_kind(&surface_of(&[], exports, false)).unwrap_err();
        assert_eq!(rejected.reason, Reason::Unsupported);
        assert!(rejected.message.contains(word), "{exports:?}: {rejected:?}");
        assert!(rejected.message.contains("missing") && rejected.hint.is_some(), "{rejected:?}");
    }
}

#[test]
fn what_waits_needs_the_engine_that_can() {
    use GuestKind::{Command, Command03, Http02, Http03};
    let (http, run) = ("wasi:http/incoming-handler@0.2.0", "wasi:cli/run@0.2.0");
    for (import, concurrent, kinds) in [
        ("wasi:random/random@0.2.3", false, [Http02, Command]),
        ("wasi:random/random@0.3.0", false, [Http03, Command03]),
        ("my:own/thing@0.3.0", false, [Http02, Command]),
        ("my:own/thing@0.3.0", true, [Http03, Command03]),
    ] {
        let kind = |export| decide_kind(&surface_of(&[import], &[export], concurrent)).unwrap();
        assert_eq!([kind(http), kind(run)], kinds, "{import} {concurrent}");
    }
}

#[test]
fn asynchronous_types_are_seen_wherever_they_are() {
    for (text, concurrent) in [
        ("(component)", false),
        ("(component (type (list u8)))", false),
        ("(component (type (stream u8)))", true),
        ("(component (type (future)))", true),
        ("(component (type (func async (result u32))))", true),
        ("(component (import \"a:b/c\" (instance (export \"f\" (func async)))))", true),
        ("(component (component (component (type (stream)))))", true),
        ("(component (core func (canon task.cancel)))", true),
        ("(component (core module (func (result i32) i32.const 1)))", false),
    ] {
        let bytes = wat(text);
        assert_eq!(check(&bytes), Ok(()), "{text}");
        assert_eq!(surface(&bytes).unwrap().concurrent, concurrent, "{text}");
    }
}

#[test]
fn core_modules_become_components_or_are_told_why_not() {
    let facts = |text: &str| module_facts(&wat(text)).unwrap();
    const PREVIEW: &str = "(import \"wasi_snapshot_preview1\" \"fd_write\" (func))";
    const FOREIGN: &str = "(import \"env\" \"draw\" (func)) (import \"wasi\" \"thread-spawn\" (func))";
    const START: &str = "(func (export \"_start\"))";
    for (text, word) in [
        ("(module)".to_owned(), "without component metadata"),
        (format!("(module {PREVIEW})"), "neither `_start`"),
        (format!("(module {PREVIEW} (global (export \"_start\") i32 (i32.const 0)))"), "neither `_start`"),
        (format!("(module {FOREIGN} {START})"), "env.draw, wasi.thread-spawn"),
        ("(module (import \"env\" \"f\" (func)))".to_owned(), "without component metadata"),
    ] {
        let rejected = decide_module(&facts(&text)).unwrap_err();
        assert_eq!(rejected.reason, Reason::Unsupported);
        assert!(rejected.message.contains(word) && rejected.hint.is_some(), "{text}: {rejected:?}");
    }
    for text in [format!("(module {PREVIEW} {START})"), format!("(module {START})")] {
        assert_eq!(decide_module(&facts(&text)), Ok(Adapter::Command), "{text}");
    }
    let carrying = |text: &str| ModuleFacts { metadata: true, ..facts(text) };
    let handle = "(func (export \"wasi:http/incoming-handler@0.2.0#handle\"))";
    for (text, adapter) in [
        (format!("(module {handle})"), Adapter::None),
        (format!("(module {PREVIEW} {handle})"), Adapter::Reactor),
        (format!("(module {PREVIEW} {START} {handle})"), Adapter::Reactor),
        (format!("(module {PREVIEW} {FOREIGN} {START})"), Adapter::Command),
    ] {
        assert_eq!(decide_module(&carrying(&text)), Ok(adapter), "{text}");
    }
    let section = module(&[section(0, &[&[16], &b"component-type:x"[..], &[0]].concat())]);
    assert!(module_facts(&section).unwrap().metadata);
}

#[test]
fn a9_names_are_escaped_and_short() {
    assert_eq!(quote("a\nb\u{1b}[0m\0\u{202e}"), "a\\nb\\u{1b}[0m\\0\\u{202e}");
    assert_eq!(quote(&"x".repeat(1_000)).chars().count(), MAX_QUOTE_CHARS + 1);
}

proptest! {
    #[test]
    fn a2_random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), component in any::<bool>()) {
        let _ = form(&bytes);
        let header = if component { EMPTY_COMPONENT } else { EMPTY_MODULE };
        let bytes = [header, &bytes].concat();
        let _ = check(&bytes);
        let _ = surface(&bytes);
        let _ = module_facts(&bytes);
    }

    #[test]
    fn a2_flipped_bits_never_panic(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = bomb(2, 3);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = form(&bytes).and_then(|_| check(&bytes)).and_then(|()| surface(&bytes));
    }
}
