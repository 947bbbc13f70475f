//! Functions that run before the snapshot only: what the snapshot is written into need not have them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use wasm_encoder::{CodeSection, Component, Function, Module, RawSection};
use wasmparser::{
    ConstExpr, ElementItems, ExternalKind, FunctionBody, Operator, Parser, Payload, TableInit, TypeRef,
};

use crate::sections::{self, sections};

/// Exports that are called before the snapshot, and by nobody after it: a snapshot begins with a memory in which all
/// this has been done.
const BEFORE: [&str; 3] = [INIT, "cabi_post_init", "__wasm_apply_data_relocs"];
/// What runs the modules of a program.
const INIT: &str = "init";

/// The component with nothing in the functions that only [`BEFORE`] leads to.
pub(super) fn without(component: &[u8]) -> Result<Vec<u8>> {
    let mut out = Component::new();
    let mut inits = 0;
    for section in sections(component)? {
        if section.id == sections::CORE_MODULE {
            let functions = Functions::read(section.body)?;
            inits += u32::from(functions.has_init);
            if inits > 1 {
                bail!(
                    "more than one module of the interpreter has an `{INIT}`: only one is the interpreter's own"
                );
            }
            let module = emptied(section.body, functions)?;
            out.section(&RawSection { id: section.id, data: &module });
        } else {
            out.section(&RawSection { id: section.id, data: section.body });
        }
    }
    Ok(out.finish())
}

fn emptied(module: &[u8], functions: Functions<'_>) -> Result<Vec<u8>> {
    let Functions { imported, bodies, mut open, .. } = functions;
    let mut reached = open.clone();
    while let Some(function) = open.pop_last() {
        let Some(body) = function.checked_sub(imported).and_then(|index| bodies.get(index as usize)) else {
            continue;
        };
        for operator in body.get_operators_reader()? {
            let called = match operator? {
                Operator::Call { function_index }
                | Operator::ReturnCall { function_index }
                | Operator::RefFunc { function_index } => function_index,
                _ => continue,
            };
            if reached.insert(called) {
                open.insert(called);
            }
        }
    }
    let mut code = CodeSection::new();
    for (index, body) in (imported..).zip(&bodies) {
        if reached.contains(&index) {
            code.raw(body.as_bytes());
        } else {
            let mut nothing = Function::new([]);
            nothing.instructions().unreachable().end();
            code.function(&nothing);
        }
    }
    let mut out = Module::new();
    for section in sections(module)? {
        if section.id == sections::CODE {
            out.section(&code);
        } else {
            out.section(&RawSection { id: section.id, data: section.body });
        }
    }
    Ok(out.finish())
}

/// The functions of a module.
struct Functions<'a> {
    /// How many come from elsewhere; the numbers of its own follow theirs.
    imported: u32,
    bodies: Vec<FunctionBody<'a>>,
    /// Those that can be called from outside or through a table.
    open: BTreeSet<u32>,
    has_init: bool,
}

impl<'a> Functions<'a> {
    fn read(module: &'a [u8]) -> Result<Self> {
        let mut functions = Self { imported: 0, bodies: Vec::new(), open: BTreeSet::new(), has_init: false };
        for payload in Parser::new(0).parse_all(module) {
            functions.add(payload.context("a module of the interpreter")?)?;
        }
        Ok(functions)
    }

    fn add(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind != ExternalKind::Func {
                        continue;
                    }
                    self.has_init |= export.name == INIT;
                    if !BEFORE.contains(&export.name) {
                        self.open.insert(export.index);
                    }
                }
            }
            Payload::StartSection { func, .. } => {
                self.open.insert(func);
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    let ElementItems::Functions(items) = element?.items else {
                        bail!("a table of the interpreter is of an unknown kind");
                    };
                    self.open.extend(items.into_iter().collect::<Result<Vec<_>, _>>()?);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    refuse_functions(&global?.init_expr)?;
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    if let TableInit::Expr(value) = table?.init {
                        refuse_functions(&value)?;
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            _ => {}
        }
        Ok(())
    }
}

/// A function that a value refers to could be called from anywhere; the interpreter has none.
fn refuse_functions(value: &ConstExpr<'_>) -> Result<()> {
    for operator in value.get_operators_reader() {
        if let Operator::RefFunc { .. } = operator? {
            bail!("a value of the interpreter refers to a function");
        }
    }
    Ok(())
}
