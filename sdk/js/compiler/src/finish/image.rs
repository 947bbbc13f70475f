//! What a memory holds, as numbers at places. Nothing is there beyond its end.

use std::ops::Range;

/// The bytes of a memory, from its beginning.
pub(super) struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// A memory that holds these bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// All of it.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How long it is.
    pub(super) fn end(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> Option<&[u8]> {
        self.bytes.get(range)
    }

    pub(super) fn u8(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn u16(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..)?.first_chunk()?;
        Some(usize::from(u16::from_le_bytes(*bytes)))
    }

    pub(super) fn u32(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }

    /// Writes a number; one that does not fit in is not written.
    pub(super) fn set_u16(&mut self, at: usize, value: usize) {
        if let (Some(place), Ok(value)) = (self.bytes.get_mut(at..at + 2), u16::try_from(value)) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// Writes a number; one that does not fit in is not written.
    pub(super) fn set_u32(&mut self, at: usize, value: usize) {
        if let (Some(place), Ok(value)) = (self.bytes.get_mut(at..at + 4), u32::try_from(value)) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// Writes zeros.
    pub(super) fn clear(&mut self, range: Range<usize>) {
        if let Some(place) = self.bytes.get_mut(range) {
            place.fill(0);
        }
    }
}
