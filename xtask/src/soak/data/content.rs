//! What is written: derived from the thing's id and the step, so that whoever reads it can tell whether it is whole.

use crate::random::Random;

/// Of ten objects so many are large.
const LARGE_OF_TEN: u64 = 1;
const SMALL_BYTES: u64 = 64 << 10;
const LARGE_BYTES: u64 = 3 << 20;
const LEAST_BYTES: u64 = 1 << 10;
const LONGEST_TEXT: u64 = 2_000;

/// The text of a document, a value or a row.
pub(super) fn text(id: &str, step: u32) -> String {
    let mut random = Random::new(seed(id, step));
    let length = random.below(LONGEST_TEXT);
    let letters = (0..length).map(|_| char::from(b'a' + random.below(26) as u8));
    format!("{id} {step} ").chars().chain(letters).collect()
}

/// The content of an object, 1 KiB to 3 MiB; its first line says what it is.
pub(super) fn object(id: &str, step: u32) -> Vec<u8> {
    let mut random = Random::new(seed(id, step));
    let most = if random.below(10) < LARGE_OF_TEN { LARGE_BYTES } else { SMALL_BYTES };
    let length = (LEAST_BYTES + random.below(most - LEAST_BYTES + 1)) as usize;
    let mut content = format!("{id} {step}\n").into_bytes();
    while content.len() < length {
        content.extend_from_slice(&random.next().to_le_bytes());
    }
    content.truncate(length);
    content
}

/// The step of an object, if its content is whole.
pub(super) fn step_of(id: &str, content: &[u8]) -> Option<u32> {
    let line = content.split(|byte| *byte == b'\n').next()?;
    let step = std::str::from_utf8(line).ok()?.strip_prefix(id)?.strip_prefix(' ')?.parse().ok()?;
    (object(id, step) == content).then_some(step)
}

fn seed(id: &str, step: u32) -> u64 {
    id.bytes().fold(u64::from(step), |seed, byte| Random::new(seed ^ u64::from(byte)).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_says_what_it_is_and_whether_it_is_whole() {
        let content = object("c1-7", 3);
        assert_eq!(step_of("c1-7", &content), Some(3));
        assert_eq!(step_of("c1-8", &content), None, "another object's");
        assert_eq!(step_of("c1-7", &content[..content.len() - 1]), None, "cut");
        let mut changed = content.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(step_of("c1-7", &changed), None, "a bit turned");
        let mixed = [&object("c1-7", 4)[..10], &content[10..]].concat();
        assert_eq!(step_of("c1-7", &mixed), None, "half of two");
        assert_ne!(text("c1-7", 3), text("c1-7", 4));
    }
}
