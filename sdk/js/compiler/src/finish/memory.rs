//! The memory of a snapshot, written again: without what nobody needs any more, and without the zeros that stand
//! between what is there.

use anyhow::{Context, Result, bail};
use wasm_encoder::{ConstExpr, DataCountSection, DataSection, Module, RawSection};
use wasmparser::{DataKind, Export, ExternalKind, Global, Imports, MemoryType, Operator, TypeRef};

use super::image::Image;
use super::{functions, heap};
use crate::sections::{
    CUSTOM, DATA, DATA_COUNT, EXPORT_OF_MODULE, GLOBAL, IMPORT_OF_MODULE, MEMORY, Section, sections,
};

/// Zeros that cost as much as a new segment: a flag, the place with its two opcodes, a length.
const GAP: usize = 9;
/// A page of memory, bytes.
const PAGE: usize = 65_536;
/// Segments that a module may have.
const SEGMENTS_MAX: usize = 90_000;
/// Segments that may be copied when a memory starts.
const SEGMENTS_COPIED: usize = 1000;
/// A memory that Wasmtime maps however little is in it is shorter, bytes.
const MAPPED: usize = 16 << 20;
/// The export that says where the heap begins.
const HEAP: &str = "__heap_base";
/// The export that says where the interpreter's stack ends, which has nothing before it.
const STACK: &str = "__stack_pointer";

/// The module with a smaller data section and without names; one without data of its own stays as it is.
pub(super) fn rewrite(module: &[u8], hidden: &[&str], stacks: &[usize]) -> Result<Vec<u8>> {
    let sections = sections(module)?;
    let image = sections.iter().find(|section| section.id == DATA).map(image).transpose()?.flatten();
    let segments = match image {
        Some(mut bytes) => {
            let used = bytes.len();
            bytes.resize(length(&sections)?.unwrap_or(used).max(used), 0);
            let mut image = Image::new(bytes);
            let heap = global(&sections, HEAP)?;
            let blocks = heap.and_then(|heap| heap::tidy(&mut image, heap, stacks));
            if let (Some(heap), Some(blocks)) = (heap, blocks) {
                // The stack grows down to the beginning, and nothing runs any more.
                let stack = global(&sections, STACK)?.filter(|stack| *stack <= heap);
                image.clear(0..stack.unwrap_or(0));
                for module in hidden {
                    functions::strip(&mut image, &blocks, module);
                }
            }
            Some(segments(&image.into_bytes()))
        }
        None => None,
    };
    let mut out = Module::new();
    for section in &sections {
        match (section.id, &segments) {
            (CUSTOM, _) => {}
            (DATA, Some(segments)) => {
                let mut data = DataSection::new();
                for (at, bytes) in segments {
                    data.active(0, &ConstExpr::i32_const(at.cast_signed()), bytes.iter().copied());
                }
                out.section(&data);
            }
            (DATA_COUNT, Some(segments)) => {
                out.section(&DataCountSection { count: u32::try_from(segments.len())? });
            }
            _ => {
                out.section(&RawSection { id: section.id, data: section.body });
            }
        }
    }
    Ok(out.finish())
}

/// What the modules have in numbers of their own that change: where the stack of a module ends that asked for one in
/// the heap is among them.
pub(super) fn stacks<'a>(modules: impl Iterator<Item = &'a Section<'a>>) -> Result<Vec<usize>> {
    let mut stacks = Vec::new();
    for module in modules {
        let sections = sections(module.body)?;
        let Some(globals) = sections.iter().find(|section| section.id == GLOBAL) else { continue };
        for global in globals.items::<Global<'_>>()?.iter().filter(|global| global.ty.mutable) {
            stacks.extend(number(global)?);
        }
    }
    Ok(stacks)
}

fn number(global: &Global<'_>) -> Result<Option<usize>> {
    match global.init_expr.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(usize::try_from(value.cast_unsigned()).ok()),
        _ => Ok(None),
    }
}

/// How long the memory is, bytes.
fn length(sections: &[Section<'_>]) -> Result<Option<usize>> {
    let Some(section) = sections.iter().find(|section| section.id == MEMORY) else { return Ok(None) };
    let memories: Vec<MemoryType> = section.items()?;
    Ok(memories.first().and_then(|memory| usize::try_from(memory.initial).ok()?.checked_mul(PAGE)))
}

/// The value of a number that the module exports. Imported ones would shift the places of its own.
fn global(sections: &[Section<'_>], name: &str) -> Result<Option<usize>> {
    let find = |id: u8| sections.iter().find(|section| section.id == id);
    let (Some(globals), Some(exports)) = (find(GLOBAL), find(EXPORT_OF_MODULE)) else { return Ok(None) };
    if imports_a_global(find(IMPORT_OF_MODULE))? {
        return Ok(None);
    }
    let exports: Vec<Export<'_>> = exports.items()?;
    let is_wanted = |export: &&Export<'_>| export.kind == ExternalKind::Global && export.name == name;
    let Some(export) = exports.iter().find(is_wanted) else { return Ok(None) };
    let globals: Vec<Global<'_>> = globals.items()?;
    let Some(global) = globals.get(export.index as usize) else { return Ok(None) };
    number(global)
}

fn imports_a_global(section: Option<&Section<'_>>) -> Result<bool> {
    let Some(section) = section else { return Ok(false) };
    for imports in section.items::<Imports<'_>>()? {
        for import in imports {
            if matches!(import?.1.ty, TypeRef::Global(_)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What the segments make of a memory, if all of them are written when it is made.
fn image(section: &Section<'_>) -> Result<Option<Vec<u8>>> {
    let mut image = Vec::new();
    for segment in section.items::<wasmparser::Data<'_>>()? {
        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else { return Ok(None) };
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
            return Ok(None);
        };
        let start = value.cast_unsigned() as usize;
        let end = start.checked_add(segment.data.len()).context("a segment is beyond all memory")?;
        if image.len() < end {
            image.resize(end, 0);
        }
        let Some(place) = image.get_mut(start..end) else { bail!("a segment is beyond the memory") };
        place.copy_from_slice(segment.data);
    }
    Ok(Some(image))
}

/// The parts of a memory, which starts quickly. Wasmtime maps one that is short or half full; into any other one it
/// copies part by part, with code that takes minutes to compile if there are many. So there are fewer and longer ones.
fn segments(image: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut gap = GAP;
    loop {
        let segments = split(image, gap);
        if gap >= PAGE || segments.len() <= SEGMENTS_COPIED || is_mapped(&segments) {
            return segments;
        }
        gap *= 8;
    }
}

fn is_mapped(segments: &[(u32, Vec<u8>)]) -> bool {
    let (Some((first, _)), Some((last, bytes))) = (segments.first(), segments.last()) else { return true };
    // Mapped are whole pages.
    let length = (*last - *first) as usize + bytes.len() + 2 * PAGE;
    let filled: usize = segments.iter().map(|(_, bytes)| bytes.len()).sum();
    length < MAPPED || length < 2 * filled
}

/// The parts of a memory that are not zero, with their places; parts with no more than `gap` between them are one.
fn split(image: &[u8], gap: usize) -> Vec<(u32, Vec<u8>)> {
    let mut segments: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut zeros = usize::MAX;
    for (at, byte) in image.iter().copied().enumerate() {
        if byte == 0 {
            zeros = zeros.saturating_add(1);
            continue;
        }
        // The last segments of a memory with too many are long ones; whole pages of zeros are left out all the same.
        let is_full = segments.len() >= SEGMENTS_MAX && zeros < PAGE;
        match segments.last_mut().filter(|_| zeros <= gap || is_full) {
            Some((_, bytes)) => {
                bytes.resize(bytes.len() + zeros, 0);
                bytes.push(byte);
            }
            None => segments.push((u32::try_from(at).unwrap_or(u32::MAX), vec![byte])),
        }
        zeros = 0;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_split_where_it_pays() {
        let mut image = vec![0; 100];
        for at in [3, 4, 8, 40, 41, 60] {
            image[at] = 7;
        }
        let segments = split(&image, GAP);
        assert_eq!(segments, [(3, vec![7, 7, 0, 0, 0, 7]), (40, vec![7, 7]), (60, vec![7])]);
        let mut again = vec![0; 100];
        for (at, bytes) in segments {
            again[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
        }
        assert_eq!(again, image);
    }

    #[test]
    fn a_long_memory_has_fewer_parts() {
        let mut image: Vec<u8> = (0..17 << 20).map(|at| u8::from(at % 500 == 0)).collect();
        // Half full, since what is between is written out.
        assert_eq!(segments(&image).len(), 1);
        // Not worth it: all that is there stands at the beginning.
        image[1 << 20..].fill(0);
        assert_eq!(segments(&image).len(), (1 << 20) / 500 + 1);
        // Few parts, since there is nothing for pages in between.
        image.resize(80 << 20, 0);
        image[79 << 20] = 1;
        assert_eq!(segments(&image).len(), 2);
    }

    #[test]
    fn there_are_never_too_many_parts() {
        let mut image: Vec<u8> = (0..3_000_000).map(|at| u8::from(at % 20 == 0)).collect();
        let segments = split(&image, GAP);
        assert_eq!(segments.len(), SEGMENTS_MAX);
        let (at, last) = segments.last().unwrap();
        assert_eq!(*at as usize + last.len(), 2_999_981);
        // What is far behind does not make them longer.
        image.resize(8_000_000, 0);
        image[7_000_000] = 7;
        let segments = split(&image, GAP);
        assert_eq!(segments.len(), SEGMENTS_MAX + 1);
        assert_eq!(segments.last().unwrap(), &(7_000_000, vec![7]));
    }
}
