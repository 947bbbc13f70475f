//! What is done to a component after its snapshot: exports that nobody asked for and the module loader are taken out,
//! and the memory is written again, smaller.

mod functions;
mod heap;
mod image;
mod loader;
mod memory;

use anyhow::{Context, Result, bail};
use wasm_encoder::{
    Alias, Component, ComponentAliasSection, ComponentExportKind, ComponentExportSection,
    ComponentImportSection, ComponentInstanceSection, RawSection,
    reencode::{ReencodeComponent, RoundtripReencoder},
};
use wasmparser::{ComponentExternalKind, ComponentInstance};

use crate::sections::{ALIAS, COMPONENT, CORE_MODULE, CUSTOM, EXPORT, IMPORT, INSTANCE, Section, sections};
use crate::snapshot::LOADER;

/// A component without what a function does not need.
///
/// `handlers` is what the program handles; `hidden` the modules whose functions no author looks at.
pub(crate) fn finish(component: &[u8], handlers: &[String], hidden: &[&str]) -> Result<Vec<u8>> {
    let sections = sections(component)?;
    let stacks = memory::stacks(sections.iter().filter(|section| section.id == CORE_MODULE))?;
    let mut finished = Finisher {
        out: Component::new(),
        handlers,
        hidden,
        stacks,
        loader: None,
        instances: 0,
        components: 0,
    };
    for section in &sections {
        finished.section(section)?;
    }
    if finished.loader.is_none() {
        bail!("the component does not import {LOADER}");
    }
    Ok(finished.out.finish())
}

/// The exports that stay for a handler; HTTP stays always, since functions are called by name through it.
fn is_wanted(export: &str, handlers: &[String]) -> bool {
    let handles = |handler: &str| handlers.iter().any(|known| known == handler);
    match export.split('@').next().unwrap_or(export) {
        "init" => false,
        "ostro:triggers/scheduled-async" => handles("scheduled"),
        "ostro:triggers/queued-async" => handles("queue"),
        _ => true,
    }
}

struct Finisher<'a> {
    out: Component,
    handlers: &'a [String],
    hidden: &'a [&'a str],
    /// Where stacks in the heap end.
    stacks: Vec<usize>,
    /// Index of the instance that stands for the module loader.
    loader: Option<u32>,
    /// How many instances there are so far.
    instances: u32,
    /// How many components there are so far.
    components: u32,
}

impl Finisher<'_> {
    fn section(&mut self, section: &Section<'_>) -> Result<()> {
        match section.id {
            // Names of parts of the interpreter, for whoever debugs it.
            CUSTOM => return Ok(()),
            CORE_MODULE => {
                let module = memory::rewrite(section.body, self.hidden, &self.stacks)?;
                self.out.section(&RawSection { id: CORE_MODULE, data: &module });
                return Ok(());
            }
            COMPONENT => self.components += 1,
            INSTANCE => return self.instances(section),
            IMPORT => return self.imports(section),
            EXPORT => return self.exports(section),
            ALIAS => {
                let aliases: Vec<wasmparser::ComponentAlias<'_>> = section.items()?;
                let is_instance = |alias: &&wasmparser::ComponentAlias<'_>| {
                    matches!(
                        alias,
                        wasmparser::ComponentAlias::InstanceExport {
                            kind: ComponentExternalKind::Instance,
                            ..
                        }
                    )
                };
                self.instances += count(aliases.iter().filter(is_instance).count());
            }
            _ => {}
        }
        self.out.section(&RawSection { id: section.id, data: section.body });
        Ok(())
    }

    /// The loader is a component of ours, which shifts the indices of those that follow it.
    fn imports(&mut self, section: &Section<'_>) -> Result<()> {
        for import in section.items::<wasmparser::ComponentImport<'_>>()? {
            if import.name.name == LOADER {
                self.out.section(&RawSection { id: COMPONENT, data: &loader::component()? });
                let mut instances = ComponentInstanceSection::new();
                let none: [(&str, ComponentExportKind, u32); 0] = [];
                instances.instantiate(self.components, none);
                self.out.section(&instances);
                self.components += 1;
                self.loader = Some(self.instances);
                self.instances += 1;
                continue;
            }
            if matches!(import.ty, wasmparser::ComponentTypeRef::Instance(_)) {
                self.instances += 1;
            }
            let mut imports = ComponentImportSection::new();
            imports.import(import.name.name, RoundtripReencoder.component_type_ref(import.ty)?);
            self.out.section(&imports);
        }
        Ok(())
    }

    fn instances(&mut self, section: &Section<'_>) -> Result<()> {
        let mut instances = ComponentInstanceSection::new();
        for mut instance in section.items::<ComponentInstance<'_>>()? {
            if let ComponentInstance::Instantiate { component_index, .. } = &mut instance {
                // Everything that is instantiated stands behind the loader.
                *component_index += u32::from(self.loader.is_some());
            }
            RoundtripReencoder.parse_component_instance(&mut instances, instance)?;
            self.instances += 1;
        }
        self.out.section(&instances);
        Ok(())
    }

    /// An export makes an item with an index of its own. For one that goes another item takes the index.
    fn exports(&mut self, section: &Section<'_>) -> Result<()> {
        for export in section.items::<wasmparser::ComponentExport<'_>>()? {
            let is_instance = export.kind == ComponentExternalKind::Instance;
            self.instances += u32::from(is_instance);
            if is_wanted(export.name.name, self.handlers) {
                let mut exports = ComponentExportSection::new();
                RoundtripReencoder.parse_component_export(&mut exports, export)?;
                self.out.section(&exports);
            } else if is_instance {
                let mut instances = ComponentInstanceSection::new();
                let none: [(&str, ComponentExportKind, u32); 0] = [];
                instances.export_items(none);
                self.out.section(&instances);
            } else if export.kind == ComponentExternalKind::Func {
                let instance = self.loader.context("there is no module loader")?;
                let mut aliases = ComponentAliasSection::new();
                aliases.alias(Alias::InstanceExport {
                    instance,
                    kind: ComponentExportKind::Func,
                    name: "resolve",
                });
                self.out.section(&aliases);
            } else {
                bail!("the export {} is of an unknown kind", export.name.name);
            }
        }
        Ok(())
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
