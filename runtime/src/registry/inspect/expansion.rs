//! How many instances, memories and tables a component makes when it is instantiated, with every nested
//! component counted as often as it is instantiated: a few hundred bytes can ask for millions (threat A6).

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef,
    Encoding, Instance, Payload,
};

use super::{Reason, Rejected};

/// Core instances of one component. The engine's allocator is sized by this and the next three.
pub const MAX_CORE_INSTANCES: u32 = 64;
/// Memories of one component.
pub const MAX_MEMORIES: u32 = 4;
/// Components with code of their own in one component, itself among them. Where calls interleave, each may hold a stack
/// while it waits: the engine has as many for each instance.
pub const MAX_PARTS: u32 = 4;
/// Tables of one component.
pub const MAX_TABLES: u32 = 16;

const MOST: Cost = Cost {
    instances: MAX_CORE_INSTANCES as u64,
    memories: MAX_MEMORIES as u64,
    tables: MAX_TABLES as u64,
    components: 200,
    parts: MAX_PARTS as u64,
};

/// What one instantiation makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    instances: u64,
    memories: u64,
    tables: u64,
    components: u64,
    parts: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.instances = self.instances.saturating_add(other.instances);
        self.memories = self.memories.saturating_add(other.memories);
        self.tables = self.tables.saturating_add(other.tables);
        self.components = self.components.saturating_add(other.components);
        self.parts = self.parts.saturating_add(other.parts);
    }
}

/// A module or component that is being read: its cost, and the index spaces that instantiations refer to.
#[derive(Default)]
struct Frame {
    is_component: bool,
    /// Whether it makes instances of modules itself.
    has_code: bool,
    cost: Cost,
    modules: Vec<Cost>,
    components: Vec<Cost>,
}

/// Follows the parser and counts.
#[derive(Default)]
pub(super) struct Expansion {
    frames: Vec<Frame>,
    total: Cost,
}

impl Expansion {
    /// Takes in one part of the upload.
    pub(super) fn look(&mut self, payload: &Payload<'_>) -> Result<(), Rejected> {
        match payload {
            Payload::Version { encoding, .. } => {
                self.begin(*encoding);
                Ok(())
            }
            Payload::End(_) => {
                self.end();
                Ok(())
            }
            Payload::MemorySection(section) => {
                self.cost(|cost| cost.memories += u64::from(section.count()));
                Ok(())
            }
            Payload::TableSection(section) => {
                self.cost(|cost| cost.tables += u64::from(section.count()));
                Ok(())
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        let cost = self.module(0, module_index, section.range().start)?;
                        self.cost(|total| total.add(cost));
                        self.frames.last_mut().into_iter().for_each(|frame| frame.has_code = true);
                    }
                }
                Ok(())
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        let cost = self.component(0, component_index, section.range().start)?;
                        self.cost(|total| total.add(cost));
                    }
                }
                Ok(())
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(&alias?, section.range().start)?;
                }
                Ok(())
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    if matches!(import?.ty, ComponentTypeRef::Module(_) | ComponentTypeRef::Component(_)) {
                        return Err(passed_around(section.range().start));
                    }
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    self.export(export.kind, export.index, section.range().start)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Compares the whole with what may be.
    pub(super) fn finish(&self) -> Result<(), Rejected> {
        let counts = [
            ("core instances", self.total.instances, MOST.instances),
            ("memories", self.total.memories, MOST.memories),
            ("tables", self.total.tables, MOST.tables),
            ("nested components", self.total.components, MOST.components),
            ("components with code of their own", self.total.parts, MOST.parts),
        ];
        match counts.into_iter().find(|(_, count, most)| count > most) {
            None => Ok(()),
            Some((what, _, most)) => Err(Rejected::new(
                Reason::Limit,
                format!("instantiating this component makes too many {what}: more than {most}"),
            )
            .hint("compose it of fewer parts")),
        }
    }

    fn begin(&mut self, encoding: Encoding) {
        let is_component = encoding == Encoding::Component;
        let own = match is_component {
            true => Cost { components: 1, ..Cost::default() },
            false => Cost { instances: 1, ..Cost::default() },
        };
        self.frames.push(Frame { is_component, cost: own, ..Frame::default() });
    }

    fn end(&mut self) {
        let Some(mut done) = self.frames.pop() else { return };
        done.cost.parts = done.cost.parts.saturating_add(u64::from(done.is_component && done.has_code));
        match self.frames.last_mut() {
            Some(parent) if done.is_component => parent.components.push(done.cost),
            Some(parent) => parent.modules.push(done.cost),
            None => self.total = done.cost,
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>, offset: usize) -> Result<(), Rejected> {
        match alias {
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Module | ComponentExternalKind::Component,
                ..
            } => Err(passed_around(offset)),
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, index } => {
                let cost = self.module(*count, *index, offset)?;
                self.frames.last_mut().into_iter().for_each(|frame| frame.modules.push(cost));
                Ok(())
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                let cost = self.component(*count, *index, offset)?;
                self.frames.last_mut().into_iter().for_each(|frame| frame.components.push(cost));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// An exported module or component gets another index.
    fn export(&mut self, kind: ComponentExternalKind, index: u32, offset: usize) -> Result<(), Rejected> {
        match kind {
            ComponentExternalKind::Module => {
                let cost = self.module(0, index, offset)?;
                self.frames.last_mut().into_iter().for_each(|frame| frame.modules.push(cost));
            }
            ComponentExternalKind::Component => {
                let cost = self.component(0, index, offset)?;
                self.frames.last_mut().into_iter().for_each(|frame| frame.components.push(cost));
            }
            _ => {}
        }
        Ok(())
    }

    fn cost(&mut self, change: impl FnOnce(&mut Cost)) {
        if let Some(frame) = self.frames.last_mut() {
            change(&mut frame.cost);
        }
    }

    fn module(&self, outward: u32, index: u32, offset: usize) -> Result<Cost, Rejected> {
        self.lookup(outward, offset, |frame| frame.modules.get(index as usize).copied())
    }

    fn component(&self, outward: u32, index: u32, offset: usize) -> Result<Cost, Rejected> {
        self.lookup(outward, offset, |frame| frame.components.get(index as usize).copied())
    }

    fn lookup(
        &self,
        outward: u32,
        offset: usize,
        find: impl Fn(&Frame) -> Option<Cost>,
    ) -> Result<Cost, Rejected> {
        let frame = self.frames.iter().rev().nth(outward as usize);
        frame.and_then(find).ok_or_else(|| {
            Rejected::at(
                Reason::Invalid,
                offset,
                format!("the component is not valid at byte {offset}: it refers to a module or component that it does not have"),
            )
            .hint("build it again")
        })
    }
}

fn passed_around(offset: usize) -> Rejected {
    Rejected::at(
        Reason::Unsupported,
        offset,
        format!(
            "at byte {offset}, the component takes modules or components as values, which is not supported"
        ),
    )
    .hint("compose it so that instances are passed")
}
