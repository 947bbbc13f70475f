//! CommonJS as modules.

use super::*;

fn unit(text: &str) -> Unit {
    let reading = Reading { name: "lib.js", jsx_source: "react", is_own: false };
    Unit::read(text.to_owned(), reading).unwrap()
}

#[test]
fn it_is_known_by_its_words() {
    for (text, extension, is_module_package, expected) in [
        ("exports.a = 1;", "js", false, true),
        ("const a = require('b');", "js", false, true),
        ("module.exports = {};", "cjs", true, true),
        ("", "cjs", false, true),
        ("exports.a = 1;", "js", true, false),
        ("import a from 'b'; exports.a = 1;", "js", false, false),
        ("console.log(1);", "js", false, false),
        ("module.exports = {};", "mjs", false, false),
    ] {
        assert_eq!(is_commonjs(&unit(text), extension, is_module_package), expected, "{text}");
    }
}

#[test]
fn lines_stay_and_names_are_exported() {
    let text = "'use strict';\nconst a = require('./a'), b = require(\"b\"), again = require('./a');\nexports.one = a;\n\
                Object.defineProperty(exports, 'two', { value: b });\nexports.default = 3;\nif (exports.four === 4) {}\n";
    let converted = convert(unit(text), Reading { name: "lib.js", jsx_source: "", is_own: false }).unwrap();
    assert!(converted.is_module);
    let imports: Vec<_> = converted.imports.iter().map(|one| one.specifier.as_str()).collect();
    assert_eq!(imports, ["./a", "b"]);
    assert_eq!(converted.place(converted.imports[0].at).0, 2);
    assert_eq!(converted.exports, ["one", "two", "default", "module.exports"]);
    assert!(converted.code.lines().nth(2).unwrap().starts_with("exports.one = a;"));
    // It is a module that a parser takes.
    assert!(Unit::read(converted.code, Reading { name: "lib.mjs", jsx_source: "", is_own: true }).is_ok());
}

#[test]
fn the_names_of_what_is_passed_on_are_those_of_the_first() {
    let text = "if (process.env.NODE_ENV === 'production') {\n  module.exports = require('./production.js');\n} else {\n  module.exports = require('./development.js');\n}\n";
    assert_eq!(passed_on(text).as_deref(), Some("./production.js"));
    let converted = convert(unit(text), Reading { name: "lib.js", jsx_source: "", is_own: false }).unwrap();
    assert!(converted.code.ends_with("export * from \"./production.js\";"), "{}", converted.code);
    assert_eq!(passed_on("module.exports = { a: require('b') };"), None);
}

#[test]
fn calls_of_other_functions_are_no_imports() {
    assert_eq!(
        required("my_require('a'); xrequire('b'); require(name); require('c' + d); require('e\\n')"),
        []
    );
}
