//! What is read out of one file.

use super::*;

fn read(name: &str, text: &str) -> Result<Unit, Faults> {
    Unit::read(text.to_owned(), Reading { name, jsx_source: "preact", is_own: true })
}

#[test]
fn javascript_stays_as_it_is() {
    let text = "import a, { b as c } from './x.js';\nimport * as d from 'y';\nimport './z.js';\nexport * from './w.js';\n\
                export { e } from './v.js';\nexport default a + c;\nexport const f = () => import(`./lazy.js`), g = import(f);\n";
    let unit = read("app.js", text).unwrap();
    assert_eq!(unit.code, text);
    assert!(unit.map.is_none() && unit.is_module);
    let imports: Vec<_> = unit.imports.iter().map(|one| (one.specifier.as_str(), one.is_dynamic)).collect();
    assert_eq!(
        imports,
        [
            ("./x.js", false),
            ("y", false),
            ("./z.js", false),
            ("./w.js", false),
            ("./v.js", false),
            ("./lazy.js", true)
        ]
    );
    let mut taken: Vec<_> =
        unit.taken.iter().map(|one| (one.specifier.as_str(), one.name.as_str())).collect();
    taken.sort_unstable();
    assert_eq!(taken, [("./v.js", "e"), ("./x.js", "b"), ("./x.js", "default"), ("y", "*")]);
    let mut exports = unit.exports.clone();
    exports.sort_unstable();
    assert_eq!(exports, ["default", "e", "f", "g"]);
    assert_eq!(unit.stars, ["./w.js"]);
    assert_eq!(unit.place(unit.imports[2].at), (3, 8));
}

#[test]
fn types_go_and_places_stay() {
    let text = "import type { A } from './a';\nimport { B, c } from './b';\n\nenum Kind { One = 1 }\nexport const f = (b: B): number =>\n  c(b as any)!.d;\n";
    let unit = read("app.ts", text).unwrap();
    let imports: Vec<_> = unit.imports.iter().map(|one| one.specifier.as_str()).collect();
    assert_eq!(imports, ["./b"]);
    assert_eq!(unit.taken.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["c"]);
    let at = unit.code.find("c(b)").unwrap();
    assert_eq!(unit.place(at), (6, 3));
    assert!(!unit.code.contains("number") && unit.map.unwrap().mappings().contains(';'));
}

#[test]
fn jsx_is_made_with_the_projects_library() {
    let unit = read("page.jsx", "export default () => <p>hi</p>;\n").unwrap();
    assert!(unit.imports.iter().any(|one| one.specifier == "preact/jsx-runtime"), "{:?}", unit.imports);
    let unit =
        read("page.tsx", "/** @jsxImportSource hono/jsx */\nexport default () => <p>hi</p>;\n").unwrap();
    assert!(unit.imports.iter().any(|one| one.specifier == "hono/jsx/jsx-runtime"), "{:?}", unit.imports);
}

#[test]
fn what_is_wrong_has_its_place() {
    for (name, text, line) in [
        ("a.js", "let a = 1;\nlet a = 2;\n", 2),
        ("a.js", "const x = {;\n", 1),
        ("a.ts", "\n\nlet x: = 1;\n", 3),
        ("a.tsx", "const x = <p>;\n", 1),
    ] {
        let faults = read(name, text).unwrap_err();
        let fault = faults.first().unwrap();
        assert_eq!((fault.file.as_deref(), fault.line), (Some(name), Some(line)), "{text}: {fault:?}");
        assert!(fault.frame.is_some(), "{fault:?}");
    }
}

#[test]
fn only_names_that_are_written_out_are_seen() {
    assert_eq!(literal("'./a.js'"), Some("./a.js"));
    assert_eq!(literal("`./a.js`"), Some("./a.js"));
    for computed in ["name", "`./${name}.js`", "'./' + name + '.js'", "\"a\\x62\""] {
        assert_eq!(literal(computed), None, "{computed}");
    }
}
