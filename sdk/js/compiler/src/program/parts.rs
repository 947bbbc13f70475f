//! Libraries that the prelude leaves to the compiler: a program that mentions one has it ready in its snapshot, any
//! other one as a text, which is much smaller and is evaluated when it is needed after all.

use serde::Deserialize;
use serde_json::Value;

use super::extensions;
use crate::fault::{Fault, Faults};

/// What a line with a library begins with.
const LINE: &str = "//part ";

/// A library.
#[derive(Deserialize)]
struct Part<'a>(
    /// What the prelude calls it.
    &'a str,
    /// Words that a program which uses it has.
    Vec<&'a str>,
    /// An expression that makes it.
    String,
);

/// The prelude's text in its parts.
pub(super) struct Split<'a> {
    /// The module.
    pub(super) module: &'a str,
    /// Lines with libraries.
    pub(super) libraries: Vec<&'a str>,
    /// Lines with modules that are there for programs which use them.
    pub(super) extensions: Vec<&'a str>,
}

/// Takes the prelude's text apart: the module, then one line for each of the others.
pub(super) fn split(prelude: &str) -> Split<'_> {
    let at = prelude.find(&format!("\n{LINE}")).map_or(prelude.len(), |end| end + 1);
    let (module, lines) = prelude.split_at(at);
    let lines = lines.lines().filter(|line| !line.is_empty());
    let (extensions, libraries) = lines.partition(|line| line.starts_with(extensions::LINE));
    Split { module, libraries, extensions }
}

/// Calls that hand the libraries over, for a program of these modules.
pub(super) fn provided(libraries: &[&str], modules: &[&str]) -> Result<String, Faults> {
    libraries.iter().map(|line| call(line, modules)).collect()
}

fn call(line: &str, modules: &[&str]) -> Result<String, Faults> {
    let Part(name, words, expression) = serde_json::from_str(line.strip_prefix(LINE).unwrap_or(line))
        .map_err(|error| vec![Fault::new(format!("a library of the prelude cannot be read: {error}"))])?;
    let name = Value::from(name);
    if modules.iter().any(|module| words.iter().any(|word| module.contains(word))) {
        Ok(format!("provide({name}, {expression});\n"))
    } else {
        // Modules are strict by themselves, texts are not.
        let text = format!("\"use strict\";{expression}");
        Ok(format!("provideText({name}, {});\n", Value::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mentioned_is_ready() {
        let prelude = r#"export {"//part 1" as a};
//part ["one",["wo","rd"],"(()=>1)()"]
//part ["two",["2"],"\"b\""]
//module {"name":"m"}
"#;
        let Split { module, libraries, extensions } = split(prelude);
        assert_eq!(module, "export {\"//part 1\" as a};\n");
        assert_eq!(extensions, ["//module {\"name\":\"m\"}"]);
        assert_eq!(
            provided(&libraries, &["nothing", "a word"]).unwrap(),
            r#"provide("one", (()=>1)());
provideText("two", "\"use strict\";\"b\"");
"#
        );
        assert_eq!(split("export {};").module, "export {};");
    }

    #[test]
    fn a_broken_line_is_told() {
        for line in ["//part [\"one\",[]]", "//part", "nothing"] {
            let faults = provided(&[line], &[]).unwrap_err();
            assert!(faults[0].message.starts_with("a library of the prelude cannot be read"), "{faults:?}");
        }
    }
}
