//! The walk of the heap, on memories that are laid out by hand.

use super::*;

const HEAP: usize = 1024;
/// Heads of the lists of arenas, before the heap: those with room, and all.
const ROOM: usize = 64;
const EVERY: usize = 72;
/// Blocks of 512 bytes: seven in an arena.
const CLASS_OF_512: usize = 30;

/// A memory that is written by hand.
struct Memory {
    bytes: Vec<u8>,
    /// Where the next chunk begins.
    at: usize,
    follows_used: bool,
}

impl Memory {
    fn new() -> Self {
        Self { bytes: vec![0; 65_536], at: HEAP + 8, follows_used: true }
    }

    fn set(&mut self, at: usize, value: usize) {
        self.bytes[at..at + 4].copy_from_slice(&u32::try_from(value).unwrap().to_le_bytes());
    }

    fn set_short(&mut self, at: usize, value: usize) {
        self.bytes[at..at + 2].copy_from_slice(&u16::try_from(value).unwrap().to_le_bytes());
    }

    /// A chunk full of garbage, with its head, and a footer behind it if it is free.
    fn chunk(&mut self, size: usize, is_used: bool) -> usize {
        let (at, flags) = (self.at, usize::from(self.follows_used) | usize::from(is_used) << 1);
        self.bytes[at + 8..at + size].fill(0xaa);
        self.set(at + 4, size | flags);
        if !is_used {
            self.set(at + size, size);
        }
        (self.at, self.follows_used) = (at + size, is_used);
        at
    }

    /// The top and the foot.
    fn close(mut self) -> Vec<u8> {
        let rest = self.bytes.len() - FOOT - self.at;
        self.chunk(rest, false);
        // The top has no footer.
        self.set(self.at, 0);
        self.set(self.at + 4, FOOT);
        self.bytes
    }

    /// An arena of seven blocks of which 1, 3 and 5 are free, in lists whose heads are at `room` and `every`.
    fn arena(&mut self, at: usize, room: usize, every: usize) {
        for (place, head) in [(at, room), (at + 8, every)] {
            self.set(place, head);
            self.set(place + 4, head);
        }
        self.set_short(at + CLASS, CLASS_OF_512);
        self.set_short(at + USED, 4);
        self.set_short(at + COUNT, 7);
        self.set_short(at + FREE, 1);
        for index in 0..7 {
            let block = at + ARENA_HEAD + index * 512;
            self.set_short(block, if index % 2 == 0 { index } else { [3, 5, NONE][index / 2] });
            self.bytes[block + 2] = 30;
        }
    }
}

struct Places {
    arena: usize,
    small: usize,
    tree: usize,
    user: usize,
    alone: usize,
    top: usize,
}

/// An arena, a free small chunk, bytes of a program that imitate an arena, a free chunk of a tree, and a block that
/// imitates an arena.
fn memory() -> (Vec<u8>, Places) {
    let mut memory = Memory::new();
    let arena = memory.chunk(ARENA + 16, true);
    memory.arena(arena + 8, ROOM, EVERY);
    for (head, place) in [(ROOM, arena + 8), (EVERY, arena + 16)] {
        memory.set(head, place);
        memory.set(head + 4, place);
    }
    let small = memory.chunk(64, false);
    // Its lists are those of the arena, which do not lead back.
    let user = memory.chunk(ARENA + 16, true);
    memory.arena(user + 8, ROOM, EVERY);
    let tree = memory.chunk(512, false);
    // Lists that lead back do not help what is the program's.
    let alone = memory.chunk(ARENA + 16, true);
    memory.arena(alone + 8, alone + 8, alone + 16);
    memory.set(alone + 8, 0x00ff_ffff);
    let top = memory.at;
    (memory.close(), Places { arena, small, tree, user, alone, top })
}

#[test]
fn what_is_free_is_cleared_and_nothing_else() {
    let (before, places) = memory();
    let mut image = Image::new(before.clone());
    let used = tidy(&mut image, HEAP, &[]).unwrap();
    let after = image.into_bytes();
    let same = |from: usize, to: usize| after[from..to] == before[from..to];
    let is_zero = |from: usize, to: usize| after[from..to].iter().all(|byte| *byte == 0);

    let blocks = |index: usize| places.arena + 8 + ARENA_HEAD + index * 512;
    let in_use = [0, 2, 4, 6].map(|index| Block { at: blocks(index) + HEADER, size: 512 - HEADER });
    let alone = Block { at: places.alone + 16, size: ARENA + 16 - 12 };
    assert_eq!(used, [&in_use[..], &[alone]].concat());
    for index in 0..7 {
        let (from, to) = (blocks(index), blocks(index + 1));
        assert!(if index % 2 == 0 { same(from, to) } else { is_zero(from, to) }, "block {index}");
    }
    // The arena is in the list of all, but no longer in that of those with room.
    let number = |at: usize| Image::new(after.clone()).u32(at);
    assert_eq!((number(ROOM), number(ROOM + 4)), (Some(ROOM), Some(ROOM)));
    assert!(is_zero(places.arena + 8, places.arena + 16) && same(EVERY, EVERY + 8));
    assert!(
        same(places.arena + 16, places.arena + 26)
            && number(places.arena + 8 + COUNT) == Some(7 | NONE << 16)
    );
    assert_eq!(after[places.arena + 8 + USED], 7);

    for (free, links, size) in [(places.small, 16, 64), (places.tree, 32, 512)] {
        assert!(same(free, free + links), "links");
        assert!(is_zero(free + links, free + size), "what was free");
        assert!(same(free + size, free + size + 8), "the footer");
    }
    assert!(same(places.user, places.user + ARENA + 16), "the program's bytes");
    assert!(same(places.alone, places.alone + ARENA + 16), "the program's block");
    assert!(is_zero(places.top + 32, after.len() - FOOT), "the top");
    assert!(same(after.len() - FOOT, after.len()), "the foot");
}

#[test]
fn a_heap_of_another_kind_stays_as_it_is() {
    let (whole, places) = memory();
    let foot = whole.len() - FOOT;
    for (what, at, bits) in [
        ("a size", places.small + 4, 0x10),
        ("a size that is no multiple", places.tree + 4, 0x8),
        ("what is before", places.user + 4, 0x1),
        ("what is before the first", places.arena + 4, 0x1),
        ("what is used", places.tree + 4, 0x2),
        ("the foot's flags", foot + 4, 0x2),
        ("the foot's size", foot + 4, 0x8),
    ] {
        let mut broken = whole.clone();
        broken[at] ^= bits;
        let mut image = Image::new(broken.clone());
        assert_eq!(tidy(&mut image, HEAP, &[]), None, "{what}");
        assert!(image.into_bytes() == broken, "{what}");
    }
    let mut image = Image::new(whole.clone());
    assert_eq!(tidy(&mut image, HEAP + 8, &[]), None);
    assert!(image.into_bytes() == whole);
}

#[test]
fn a_stack_is_cleared_unless_it_is_a_block() {
    for is_block in [false, true] {
        let mut memory = Memory::new();
        memory.bytes.resize(3 * 65_536, 0);
        let chunk = memory.chunk(STACK + 16, true);
        memory.set(chunk + 8, if is_block { 0x01ff_ffff } else { 0 });
        let before = memory.close();
        let mut image = Image::new(before.clone());
        let used = tidy(&mut image, HEAP, &[chunk + 8 + STACK]).unwrap();
        assert_eq!(used.len(), usize::from(is_block));
        let contents = chunk + 8..chunk + 8 + STACK;
        let after = image.into_bytes();
        assert_eq!(after[contents.clone()] == before[contents.clone()], is_block);
        assert_eq!(after[contents].iter().all(|byte| *byte == 0), !is_block);
    }
}
