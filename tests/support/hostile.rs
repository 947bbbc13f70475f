//! Uploads made to hurt: modules written byte by byte, put into a component that would otherwise run.

use super::guest;

/// A WebAssembly number.
pub fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// A section of a module or a component.
pub fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

/// A custom section.
pub fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    section(0, &[&leb(name.len())[..], name.as_bytes(), content].concat())
}

/// The guest `hello` with one more core module inside: everything else about it is fine.
pub fn carrying(module: &[u8]) -> Vec<u8> {
    [guest::component("hello"), section(1, module)].concat()
}

/// A module of `count` functions, each with this body (locals and code without the final `end`).
pub fn functions(count: usize, body: &[u8]) -> Vec<u8> {
    let code = [body, &[0x0b]].concat();
    let code = [&leb(code.len())[..], &code].concat();
    module(&[
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[leb(count), vec![0; count]].concat()),
        section(10, &[leb(count), code.repeat(count)].concat()),
    ])
}

/// One function with so many locals.
pub fn locals(count: usize) -> Vec<u8> {
    functions(1, &[&[1][..], &leb(count), &[0x7f]].concat())
}

/// One function with one `br_table` of so many targets.
pub fn jump_table(targets: usize) -> Vec<u8> {
    functions(1, &[&[0, 0x41, 0, 0x0e][..], &leb(targets), &vec![0; targets], &[0]].concat())
}

/// One function of blocks in blocks.
pub fn nested_blocks(depth: usize) -> Vec<u8> {
    functions(1, &[&[0][..], &[0x02, 0x40].repeat(depth), &vec![0x0b; depth]].concat())
}

/// One function that is so many bytes of constants, each dropped.
pub fn straight_line(bytes: usize) -> Vec<u8> {
    functions(1, &[&[0][..], &[0x41, 0, 0x1a].repeat(bytes / 3)].concat())
}

/// A module that declares so many function types.
pub fn types(count: usize) -> Vec<u8> {
    module(&[section(1, &[leb(count), [0x60, 0, 0].repeat(count)].concat())])
}

/// Components in components: each level instantiates the one below `width` times, so `width` to the power of `levels`.
pub fn bomb(levels: usize, width: usize) -> Vec<u8> {
    let mut inner = "(core module $m (memory 1)) (core instance (instantiate $m))".to_owned();
    for level in 0..levels {
        let instances = format!("(instance (instantiate $c{level}))").repeat(width);
        inner = format!("(component $c{level} {inner}) {instances}");
    }
    wat::parse_str(format!("(component {inner})")).unwrap()
}

/// One component that instantiates a module of a hundred memories and tables so many times.
pub fn crowd(instances: usize) -> Vec<u8> {
    let resources = "(memory 1) (table 1 funcref) ".repeat(100);
    let instances = "(core instance (instantiate $m)) ".repeat(instances);
    wat::parse_str(format!("(component (core module $m {resources}) {instances})")).unwrap()
}

/// Noise that is the same in every run.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state >> 56).unwrap()
    };
    std::iter::repeat_with(step).take(length).collect()
}

fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}
