//! Objects that are read and put piece by piece, as streams of the standard library.

use std::io::{self, BufRead, Read, Write};

use super::{Object, Result, object};
use crate::bindings::ostro::storage::objects;

/// What is fetched or handed over at a time, bytes.
const PIECE_BYTES: usize = 256 << 10;

/// An object that is being read. It holds 256 KiB of it at most; dropping it ends the reading.
#[derive(Debug)]
pub struct Download {
    handle: objects::Download,
    object: Object,
    piece: Vec<u8>,
    /// What of the piece has been taken.
    taken: usize,
}

impl Download {
    pub(super) fn new(handle: objects::Download) -> Result<Self> {
        let object = object::read(&handle.info())?;
        Ok(Self { handle, object, piece: Vec::new(), taken: 0 })
    }

    /// What was known of the object when it was opened. Its size is that of the whole, also when a part is read.
    pub fn object(&self) -> &Object {
        &self.object
    }
}

impl BufRead for Download {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken >= self.piece.len() {
            self.piece = self.handle.read(PIECE_BYTES as u32).map_err(super::Error::from)?;
            self.taken = 0;
        }
        Ok(self.piece.get(self.taken..).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.taken += bytes;
    }
}

impl Read for Download {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(into)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

/// An object that is being put. It holds back 256 KiB at most; dropped before [`finish`](Self::finish) it leaves
/// nothing behind.
#[derive(Debug)]
#[must_use = "the object is not there before `finish`"]
pub struct Upload {
    handle: objects::Upload,
    held: Vec<u8>,
}

impl Upload {
    pub(super) fn new(handle: objects::Upload) -> Self {
        Self { handle, held: Vec::new() }
    }

    /// Puts the object in place of what is there, and says what it is now. `Changed` when a condition of its options
    /// is not met.
    pub fn finish(mut self) -> Result<Object> {
        self.hand_over()?;
        object::read(&self.handle.finish()?)
    }

    fn hand_over(&mut self) -> Result<()> {
        if !self.held.is_empty() {
            self.handle.write(&self.held)?;
            self.held.clear();
        }
        Ok(())
    }
}

impl Write for Upload {
    /// After an error it can only be dropped.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES.saturating_sub(self.held.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.held.extend_from_slice(taken);
        if self.held.len() >= PIECE_BYTES {
            self.hand_over()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.hand_over()?)
    }
}
