//! Limits on what the compiler is given. Far above what toolchains make, far below what takes minutes.

use wasmparser::{FunctionBody, Operator, Payload, TypeRef};

use super::{Reason, Rejected};

const MAX_FUNCTIONS: u64 = 100_000;
const MAX_BODY_BYTES: usize = 8 << 20;
const MAX_BODY_WITH_LOCALS_BYTES: usize = 1 << 20;
const MANY_LOCALS: u64 = 10_000;
const MAX_LOCALS: u64 = 50_000;
const MAX_NESTING: u64 = 10_000;
/// Cranelift's own limit.
const MAX_BRANCH_TARGETS: u64 = 65_520;
const MAX_TYPES: u64 = 100_000;
const MAX_ENTRIES: u64 = 100_000;
const MAX_NESTED: u64 = 1_000;
const MAX_DEPTH: u64 = 16;
const MAX_CUSTOM_BYTES: u64 = 32 << 20;
/// What a slot of the allocator holds, in pages of 64 KiB: 1 GiB.
const MAX_MEMORY_PAGES: u64 = 16_384;
/// What a slot of the allocator holds.
const MAX_TABLE_ELEMENTS: u64 = 100_000;

/// Counts over the whole upload, nested modules and components included.
#[derive(Default)]
pub(super) struct Bounds {
    functions: u64,
    types: u64,
    entries: u64,
    nested: u64,
    depth: u64,
    custom_bytes: u64,
}

impl Bounds {
    /// Counts one part of the upload; the first limit that is passed is the refusal.
    pub(super) fn look(&mut self, payload: &Payload<'_>) -> Result<(), Rejected> {
        match payload {
            Payload::Version { range, .. } => {
                self.depth += 1;
                self.nested += 1;
                within(range.start, "nested components", self.depth, MAX_DEPTH)?;
                within(range.start, "modules and components", self.nested, MAX_NESTED)
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::FunctionSection(s) => {
                self.functions += u64::from(s.count());
                within(s.range().start, "functions", self.functions, MAX_FUNCTIONS)
            }
            Payload::TypeSection(s) => self.types(s.range().start, s.count()),
            Payload::CoreTypeSection(s) => self.types(s.range().start, s.count()),
            Payload::ComponentTypeSection(s) => self.types(s.range().start, s.count()),
            Payload::GlobalSection(s) => self.entries(s.range().start, s.count()),
            Payload::TagSection(s) => self.entries(s.range().start, s.count()),
            Payload::ExportSection(s) => self.entries(s.range().start, s.count()),
            Payload::ElementSection(s) => self.entries(s.range().start, s.count()),
            Payload::DataSection(s) => self.entries(s.range().start, s.count()),
            Payload::ComponentAliasSection(s) => self.entries(s.range().start, s.count()),
            Payload::ComponentCanonicalSection(s) => self.entries(s.range().start, s.count()),
            Payload::InstanceSection(s) => self.entries(s.range().start, s.count()),
            Payload::ComponentInstanceSection(s) => self.entries(s.range().start, s.count()),
            Payload::ComponentImportSection(s) => self.entries(s.range().start, s.count()),
            Payload::ComponentExportSection(s) => self.entries(s.range().start, s.count()),
            Payload::ImportSection(s) => {
                self.entries(s.range().start, s.count())?;
                for import in s.clone().into_imports_with_offsets() {
                    let (offset, import) = import?;
                    if let TypeRef::Memory(memory) = import.ty {
                        unshared(offset, memory.shared)?;
                    }
                }
                Ok(())
            }
            Payload::MemorySection(s) => {
                for memory in s.clone().into_iter_with_offsets() {
                    let (offset, memory) = memory?;
                    unshared(offset, memory.shared)?;
                    // A page of another size is a proposal that is off; then this refuses too much, and it is refused anyway.
                    within(offset, "pages of memory at the start", memory.initial, MAX_MEMORY_PAGES)?;
                }
                Ok(())
            }
            Payload::TableSection(s) => {
                for table in s.clone().into_iter_with_offsets() {
                    let (offset, table) = table?;
                    within(offset, "table elements at the start", table.ty.initial, MAX_TABLE_ELEMENTS)?;
                }
                Ok(())
            }
            Payload::CodeSectionEntry(function) => body(function),
            Payload::CustomSection(s) => {
                self.custom_bytes += s.data().len() as u64;
                within(s.data_offset(), "bytes of custom sections", self.custom_bytes, MAX_CUSTOM_BYTES)
            }
            _ => Ok(()),
        }
    }

    fn types(&mut self, offset: usize, count: u32) -> Result<(), Rejected> {
        self.types += u64::from(count);
        within(offset, "types", self.types, MAX_TYPES)
    }

    fn entries(&mut self, offset: usize, count: u32) -> Result<(), Rejected> {
        self.entries += u64::from(count);
        within(offset, "imports, exports, globals and segments", self.entries, MAX_ENTRIES)
    }
}

fn body(function: &FunctionBody<'_>) -> Result<(), Rejected> {
    let range = function.range();
    let bytes = range.len();
    within(range.start, "bytes of one function", bytes as u64, MAX_BODY_BYTES as u64)?;
    let mut locals = 0_u64;
    for group in function.get_locals_reader()? {
        locals += u64::from(group?.0);
    }
    within(range.start, "locals of one function", locals, MAX_LOCALS)?;
    if bytes > MAX_BODY_WITH_LOCALS_BYTES {
        within(range.start, "locals of a function over 1 MiB", locals, MANY_LOCALS)?;
    }
    let mut depth = 0_u64;
    let mut operators = function.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                depth += 1;
                within(offset, "blocks within each other", depth, MAX_NESTING)?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            Operator::BrTable { targets } => {
                within(offset, "targets of one branch table", u64::from(targets.len()), MAX_BRANCH_TARGETS)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn unshared(offset: usize, shared: bool) -> Result<(), Rejected> {
    match shared {
        false => Ok(()),
        true => Err(Rejected::at(
            Reason::Unsupported,
            offset,
            format!("the module has shared memory (threads) at byte {offset}; threads are off"),
        )
        .hint("build it without threads and atomics")),
    }
}

fn within(offset: usize, what: &str, count: u64, most: u64) -> Result<(), Rejected> {
    match count <= most {
        true => Ok(()),
        false => Err(Rejected::at(
            Reason::Limit,
            offset,
            format!("too many {what}: more than {most} at byte {offset}"),
        )
        .hint("make the component smaller")),
    }
}
