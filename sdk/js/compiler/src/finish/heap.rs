//! The heap in a snapshot. What is free there holds what was there before, and all of it would be in the component.
//!
//! Two allocators share it: libc's (dlmalloc), whose chunks follow each other from the beginning of the heap to the end
//! of memory, and the interpreter's, which divides chunks of 4 KB into blocks of one size. A heap that is not laid out
//! like this stays as it is.

use super::image::Image;

/// A piece of the heap that the interpreter has in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where its contents begin; a header of the interpreter's stands before them.
    pub(super) at: usize,
    /// How long they are, bytes.
    pub(super) size: usize,
}

/// What stands before the contents of a block: its number among its neighbours, its size class, what kind of object it
/// is, and how often it is referred to.
pub(super) const HEADER: usize = 8;
/// The end of a list of free blocks.
const NONE: usize = 0xffff;
/// The number and the class of a block that is a chunk by itself.
const ALONE: usize = 0xff_ffff;

/// Sizes of blocks, by class.
const CLASSES: [usize; 31] = [
    16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 144, 160, 176, 192, 208, 224, 240, 256,
    288, 320, 352, 384, 416, 448, 480, 512,
];
/// An arena with its head, bytes.
const ARENA: usize = 4096;
/// The head: its places in the list of arenas with room and in that of all, its class, and how its blocks are used.
const ARENA_HEAD: usize = 24;
const WITH_ROOM: usize = 0;
const ALL: usize = 8;
const CLASS: usize = 16;
const USED: usize = 18;
const COUNT: usize = 20;
const FREE: usize = 22;

/// A chunk of libc's: its size and flags stand behind the size of the one before it.
const CHUNK_HEAD: usize = 8;
const CHUNK_FOLLOWS_USED: usize = 1;
const CHUNK_IS_USED: usize = 2;
const CHUNK_FLAGS: usize = 7;
/// What is allocated is aligned to that many bytes.
const CHUNK_ALIGNMENT: usize = 16;
/// The head of the last one, which is for what libc knows of its memory, bytes; it has no flags.
const FOOT: usize = 56;
/// What a free chunk keeps of lists and trees; the smaller ones need less.
const CHUNK_LINKS: usize = 32;
const CHUNK_LINKS_SMALL: usize = 16;
const CHUNK_SMALL: usize = 256;

/// A stack that a module asked libc for, bytes.
const STACK: usize = 65_536;

/// Clears what is free, and the stacks that end at one of `stacks` since nothing runs any more, and says what the
/// interpreter has in use. None: this is not a heap that is known, and nothing has changed.
pub(super) fn tidy(image: &mut Image, heap: usize, stacks: &[usize]) -> Option<Vec<Block>> {
    let chunks = chunks(image, heap)?;
    let mut used = Vec::new();
    for chunk in chunks {
        if !chunk.is_used {
            let links = if chunk.size < CHUNK_SMALL { CHUNK_LINKS_SMALL } else { CHUNK_LINKS };
            image.clear(chunk.at + links..chunk.at + chunk.size);
            continue;
        }
        let at = chunk.at + CHUNK_HEAD;
        // First, since what such a block holds is the program's: it may look like anything.
        if image.u32(at).is_some_and(|header| header & ALONE == ALONE) {
            // What follows the header belongs to the interpreter, up to the size of the next chunk.
            let size = chunk.size.saturating_sub(CHUNK_HEAD + HEADER - 4);
            used.push(Block { at: at + HEADER, size });
        } else if chunk.size == STACK + 16 && stacks.contains(&(at + STACK)) {
            image.clear(at..at + STACK);
        } else if let Some(arena) = Arena::at(image, at, chunk.size) {
            arena.tidy(image, &mut used);
        }
    }
    Some(used)
}

struct Chunk {
    at: usize,
    size: usize,
    is_used: bool,
}

/// All chunks but the foot, which must end where the memory ends. Each knows whether the one before it is used.
fn chunks(image: &Image, heap: usize) -> Option<Vec<Chunk>> {
    if !heap.is_multiple_of(CHUNK_ALIGNMENT) {
        return None;
    }
    let mut at = heap + CHUNK_HEAD;
    let mut follows_used = true;
    let mut chunks = Vec::new();
    loop {
        let head = image.u32(at + 4)?;
        let size = head & !CHUNK_FLAGS;
        let end = at.checked_add(size)?;
        if (head & CHUNK_FOLLOWS_USED != 0) != follows_used {
            return None;
        }
        if end == image.end() {
            return (head == FOOT).then_some(chunks);
        }
        if size == 0 || !size.is_multiple_of(CHUNK_ALIGNMENT) {
            return None;
        }
        follows_used = head & CHUNK_IS_USED != 0;
        chunks.push(Chunk { at, size, is_used: follows_used });
        at = end;
    }
}

/// A chunk that is divided into blocks.
struct Arena {
    at: usize,
    size: usize,
    count: usize,
    /// Whether each block is free.
    free: Vec<bool>,
}

impl Arena {
    /// The arena in a chunk, if there is one.
    fn at(image: &Image, at: usize, chunk: usize) -> Option<Self> {
        let class = usize::from(image.u8(at + CLASS)?);
        let size = *CLASSES.get(class)?;
        let count = image.u16(at + COUNT)?;
        if count != (ARENA - ARENA_HEAD) / size || chunk < ARENA_HEAD + count * size {
            return None;
        }
        if !is_in_list(image, at + ALL) {
            return None;
        }
        let mut arena = Self { at, size, count, free: vec![false; count] };
        let mut next = image.u16(at + FREE)?;
        while next != NONE {
            let free = arena.free.get_mut(next).filter(|free| !**free)?;
            *free = true;
            next = image.u16(arena.block(next))?;
        }
        let used = arena.free.iter().filter(|free| !**free).count();
        let is_block = |index: usize| {
            let header = arena.block(index);
            image.u8(header + 2).map(usize::from) == Some(class)
                && (arena.is_free(index) || image.u16(header) == Some(index))
        };
        let is_known = used == count || is_in_list(image, at + WITH_ROOM);
        (used == image.u16(at + USED)? && is_known && (0..count).all(is_block)).then_some(arena)
    }

    fn block(&self, index: usize) -> usize {
        self.at + ARENA_HEAD + index * self.size
    }

    fn is_free(&self, index: usize) -> bool {
        self.free.get(index).copied().unwrap_or(false)
    }

    /// Free blocks cost their headers, each of which stands alone. They are given up, unless most are free: they count
    /// as used, nobody knows them, and they are all zero.
    fn tidy(&self, image: &mut Image, used: &mut Vec<Block>) {
        let free = self.free.iter().filter(|free| **free).count();
        let is_given_up = free * 8 <= self.count * 7;
        for index in 0..self.count {
            let block = self.block(index);
            if !self.is_free(index) {
                used.push(Block { at: block + HEADER, size: self.size - HEADER });
            } else if is_given_up {
                image.clear(block..block + self.size);
            } else {
                image.clear(block + 3..block + self.size);
            }
        }
        if is_given_up {
            self.close(image, free > 0);
        }
    }

    /// Makes it an arena without room.
    fn close(&self, image: &mut Image, has_room: bool) {
        let place = self.at + WITH_ROOM;
        if let (true, Some(previous), Some(next)) = (has_room, image.u32(place), image.u32(place + 4)) {
            image.set_u32(previous + 4, next);
            image.set_u32(next, previous);
        }
        // An arena without room is in no list of those that have some.
        image.clear(place..place + 8);
        image.set_u16(self.at + USED, self.count);
        image.set_u16(self.at + FREE, NONE);
    }
}

/// Whether a place in a list, the one before it and the one after it, is where both of these expect it.
fn is_in_list(image: &Image, at: usize) -> bool {
    let after_previous = image.u32(at).and_then(|previous| image.u32(previous + 4));
    let before_next = image.u32(at + 4).and_then(|next| image.u32(next));
    after_previous == Some(at) && before_next == Some(at)
}

#[cfg(test)]
mod tests;
