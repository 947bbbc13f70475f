//! What is refused before the compiler sees it, by the ids of the threat list.

use proptest::prelude::*;

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
    assert_eq!(check(&bomb(2, 8)), Ok(()));
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

#[test]
fn exports_decide_the_kind() {
    let surface = |exports: &[&str]| Surface {
        imports: Vec::new(),
        exports: exports.iter().map(|name| (*name).to_owned()).collect(),
    };
    for exports in [
        &["wasi:http/incoming-handler@0.2.0"][..],
        &["x", "wasi:http/incoming-handler@0.2.10"],
        &["ostro:triggers/scheduled@0.1.0"],
        &["ostro:triggers/queued@0.1.2", "wasi:http/handler@0.3.0"],
    ] {
        assert_eq!(decide_kind(&surface(exports)), Ok(GuestKind::Http02), "{exports:?}");
    }
    for (exports, word) in [
        (&["wasi:http/handler@0.3.0"][..], "later version"),
        (&["wasi:http/incoming-handler@0.3.0"], "another version"),
        (&["wasi:http/incoming-handler"], "another version"),
        (&["ostro:triggers/queued@0.2.0"], "another version"),
        (&["ostro:triggers/queued-by-others@0.1.0"], "it exports ostro:triggers/queued-by-others@0.1.0"),
        (&["wasi:cli/run@0.2.0"], "later version"),
        (&["add", "\u{1b}[31mred"], "it exports add, \\u{1b}[31mred"),
        (&[], "it exports nothing"),
    ] {
        let rejected = decide_kind(&surface(exports)).unwrap_err();
        assert_eq!(rejected.reason, Reason::Unsupported);
        assert!(rejected.message.contains(word), "{exports:?}: {rejected:?}");
    }
}

#[test]
fn core_modules_need_metadata() {
    for (text, word) in [
        ("(module)", "without component metadata"),
        ("(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func)))", "preview 1 command"),
    ] {
        let rejected = decide_module(&module_facts(&wat(text)).unwrap()).unwrap_err();
        assert!(rejected.message.contains(word), "{rejected:?}");
    }
    let carrying = module(&[section(0, &[&[16], &b"component-type:x"[..], &[0]].concat())]);
    assert_eq!(decide_module(&module_facts(&carrying).unwrap()), Ok(()));
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
