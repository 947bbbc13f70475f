//! The prelude's functions in a snapshot. Nobody sees where they stand: traces leave them out. So the interpreter need
//! not know how they were written, in which lines, and how their variables were called. The last is for a direct `eval`
//! too, which finds variables by their names: the prelude has none.

use std::collections::{HashMap, HashSet};

use super::heap::{Block, HEADER};
use super::image::Image;

/// The kind of a block that is a function's code.
const CODE: u8 = 1;
const KIND: u8 = 0x7f;

// Where a function has what, from its beginning (`JSFunctionBytecode`). Numbers of 32 bits, or of 16.
const BYTECODE: usize = 12;
const VARIABLES: usize = 24;
const CAPTURES: usize = 28;
const ARGUMENT_COUNT: usize = 32;
const VARIABLE_COUNT: usize = 34;
const CAPTURE_COUNT: usize = 42;
const CONSTANT_COUNT: usize = 44;
const CONSTANTS: usize = 52;
const FILE: usize = 56;
const LINE: usize = 60;
const TEXT_LENGTH: usize = 68;
const LINES_LENGTH: usize = 72;
const LINES: usize = 76;
const TEXT: usize = 80;
const END: usize = 88;

const CONSTANT: usize = 8;
const VARIABLE: usize = 20;
const CAPTURE: usize = 8;
/// What a variable is: flags, one of which says that a function inside captures it, and by which number.
const VARIABLE_FLAGS: usize = 12;
const IS_CAPTURED: u8 = 4;

/// Where the text of a string begins, behind its length and what it is as a name.
const STRING: usize = 16;

/// Takes out what only an author of the functions in `module` would ask for.
pub(super) fn strip(image: &mut Image, blocks: &[Block], module: &str) {
    let functions: Vec<_> = blocks.iter().filter_map(|block| Function::at(image, *block)).collect();
    let files: HashSet<_> = functions.iter().map(|function| function.file).collect();
    let Some(file) = file(image, blocks, module, &files) else { return };
    let sizes: HashMap<_, _> = blocks.iter().map(|block| (block.at, block.size)).collect();
    for function in functions.iter().filter(|function| function.file == file) {
        function.strip(image, &sizes);
    }
}

/// The number by which functions name the file that is called `name`: its place in the table of names.
fn file(image: &Image, blocks: &[Block], name: &str, files: &HashSet<usize>) -> Option<usize> {
    let is_name = |block: &&Block| {
        image.u32(block.at) == Some(name.len())
            && image.bytes(block.at + STRING..block.at + STRING + name.len()) == Some(name.as_bytes())
    };
    let names: HashSet<_> = blocks.iter().filter(is_name).map(|block| block.at).collect();
    let tables = blocks.iter().filter(|table| table.size > 1024);
    let in_table = |table: &Block| {
        let mut files = files.iter().copied().filter(|file| file * 4 < table.size);
        files.find(|file| image.u32(table.at + file * 4).is_some_and(|entry| names.contains(&entry)))
    };
    let mut found = tables.filter_map(in_table);
    found.next().filter(|_| found.next().is_none())
}

/// A function's code.
struct Function {
    at: usize,
    file: usize,
    variables: usize,
    count: usize,
}

impl Function {
    /// The function in a block, if there is one: its parts must stand where they are expected.
    fn at(image: &Image, block: Block) -> Option<Self> {
        let at = block.at;
        if image.u8(at - HEADER + 3)? & KIND != CODE || block.size < END {
            return None;
        }
        let constants = image.u32(at + CONSTANT_COUNT)?;
        let count = image.u16(at + ARGUMENT_COUNT)? + image.u16(at + VARIABLE_COUNT)?;
        let captures = image.u16(at + CAPTURE_COUNT)?;
        let variables = constants.checked_mul(CONSTANT)?.checked_add(at + END)?;
        let captured = variables + count * VARIABLE;
        let code = captured + captures * CAPTURE;
        let is_at = |field: usize, count: usize, place: usize| {
            image.u32(at + field) == Some(if count == 0 { 0 } else { place })
        };
        let is_function = is_at(CONSTANTS, constants, at + END)
            && is_at(VARIABLES, count, variables)
            && is_at(CAPTURES, captures, captured)
            && is_at(BYTECODE, 1, code)
            && code + image.u32(at + BYTECODE + 4)? <= at + block.size;
        is_function.then_some(Self { at, file: image.u32(at + FILE)?, variables, count })
    }

    /// The texts' blocks stay in use without anybody who knows them, all zero: free ones would cost their headers.
    fn strip(&self, image: &mut Image, sizes: &HashMap<usize, usize>) {
        for (field, length) in [(LINES, LINES_LENGTH), (TEXT, TEXT_LENGTH)] {
            let (Some(place), Some(length)) = (image.u32(self.at + field), image.u32(self.at + length))
            else {
                continue;
            };
            let Some(size) = sizes.get(&place).filter(|size| length > 0 && length <= **size) else {
                continue;
            };
            image.clear(place - HEADER..place + size);
        }
        // The line and column where it begins, too.
        image.clear(self.at + LINE..self.at + END);
        for variable in 0..self.count {
            let at = self.variables + variable * VARIABLE;
            let is_captured = image.u8(at + VARIABLE_FLAGS).is_some_and(|flags| flags & IS_CAPTURED != 0);
            let kept = if is_captured { VARIABLE_FLAGS..VARIABLE_FLAGS + 4 } else { 0..0 };
            image.clear(at..at + kept.start);
            image.clear(at + kept.end..at + VARIABLE);
        }
    }
}
