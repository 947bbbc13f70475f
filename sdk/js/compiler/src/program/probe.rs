//! Where a program is when it does not come to its end: a copy of it in which every loop and every function says that it
//! runs. The interpreter cannot be asked any more once it was ended.

use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{ArrowFunctionBody, Statement};
use oxc_ast_visit::Visit;
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType, Span};

use super::{Module, Program};
use crate::fault::Fault;

/// The logging context under which a place says its number.
pub(crate) const HERE: &str = "ostro:here";

/// A program that says where it is.
pub(crate) struct Probed {
    /// The program.
    pub(crate) program: Program,
    /// File and byte of what runs there, by number.
    places: Vec<(String, usize)>,
}

impl Program {
    /// A copy that says where it is. What cannot be read stays as it is.
    pub(crate) fn probed(&self) -> Probed {
        let mut places = Vec::new();
        let mut program = self.clone();
        let files = program.modules.iter_mut().filter(|(_, module)| module.is_file());
        for (name, module) in files {
            module.unit.code = probe(name, &module.unit.code, &mut places);
        }
        Probed { program, places }
    }
}

impl Probed {
    /// The fault, at the place with a number. `original` is what the program was copied from.
    pub(crate) fn locate(&self, number: usize, fault: Fault, original: &Program) -> Fault {
        let place =
            self.places.get(number).and_then(|(name, at)| Some((name, *at, original.modules.get(name)?)));
        match place {
            Some((name, at, Module { unit, .. })) => {
                let (line, column) = unit.place(at);
                fault.at(name, &unit.text, line, column)
            }
            None => fault,
        }
    }
}

fn probe(name: &str, code: &str, places: &mut Vec<(String, usize)>) -> String {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, code, SourceType::mjs()).parse();
    if parsed.diagnostics.has_errors() || code.starts_with("#!") {
        return code.to_owned();
    }
    let mut bodies = Bodies::default();
    bodies.visit_program(&parsed.program);
    let mut inserted: Vec<(usize, String)> = Vec::new();
    for Body { owner, span, is_block } in bodies.0 {
        let number = places.len();
        places.push((name.to_owned(), owner.start as usize));
        let (start, end) = (span.start as usize, span.end as usize);
        match is_block {
            true => inserted.push((start + 1, format!("$here({number});"))),
            false => inserted.extend([(start, format!("{{$here({number});")), (end, "}".to_owned())]),
        }
    }
    inserted.sort_by_key(|(at, _)| *at);
    let mut probed = format!(
        "import {{ log as $log }} from \"wasi:logging/logging\"; const $here = (at) => $log(\"debug\", \"{HERE}\", `${{at}}`); "
    );
    let mut done = 0;
    for (at, text) in inserted {
        probed.push_str(code.get(done..at).unwrap_or_default());
        probed.push_str(&text);
        done = at;
    }
    probed.push_str(code.get(done..).unwrap_or_default());
    probed
}

/// What is run again and again.
struct Body {
    /// The loop or the function.
    owner: Span,
    span: Span,
    is_block: bool,
}

#[derive(Default)]
struct Bodies(Vec<Body>);

impl<'a> Visit<'a> for Bodies {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        let of_loop = match kind {
            AstKind::ForStatement(one) => Some(&one.body),
            AstKind::ForInStatement(one) => Some(&one.body),
            AstKind::ForOfStatement(one) => Some(&one.body),
            AstKind::WhileStatement(one) => Some(&one.body),
            AstKind::DoWhileStatement(one) => Some(&one.body),
            _ => None,
        };
        let body = of_loop.map(|body| (body.span(), matches!(body, Statement::BlockStatement(_))));
        let body = body.or_else(|| match kind {
            AstKind::Function(function) => function.body.as_ref().map(|body| (body.span, true)),
            AstKind::ArrowFunctionExpression(arrow) => match &arrow.body {
                ArrowFunctionBody::FunctionBody(body) => Some((body.span, true)),
                _ => None,
            },
            _ => None,
        });
        if let Some((span, is_block)) = body {
            self.0.push(Body { owner: kind.span(), span, is_block });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_and_functions_say_that_they_run() {
        let code = "while (a) b();\nfunction f() { for (;;) {} }\nconst g = () => 1;";
        let mut places = Vec::new();
        let probed = probe("a.js", code, &mut places);
        let rest = probed.split_once("`); ").unwrap().1;
        assert_eq!(
            rest,
            "while (a) {$here(0);b();}\nfunction f() {$here(1); for (;;) {$here(2);} }\nconst g = () => 1;"
        );
        assert_eq!(places.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 15, 30]);
    }
}
