//! The sections of modules and components, as they stand in a file.

use anyhow::{Context, Result};
use wasmparser::{BinaryReader, FromReader};

pub(crate) const CUSTOM: u8 = 0;

// Of components.
pub(crate) const CORE_MODULE: u8 = 1;
pub(crate) const COMPONENT: u8 = 4;
pub(crate) const INSTANCE: u8 = 5;
pub(crate) const ALIAS: u8 = 6;
pub(crate) const IMPORT: u8 = 10;
pub(crate) const EXPORT: u8 = 11;

// Of modules.
pub(crate) const IMPORT_OF_MODULE: u8 = 2;
pub(crate) const MEMORY: u8 = 5;
pub(crate) const GLOBAL: u8 = 6;
pub(crate) const EXPORT_OF_MODULE: u8 = 7;
pub(crate) const CODE: u8 = 10;
pub(crate) const DATA: u8 = 11;
pub(crate) const DATA_COUNT: u8 = 12;

/// A section as it stands in the file.
pub(crate) struct Section<'a> {
    pub(crate) id: u8,
    pub(crate) body: &'a [u8],
    /// Where the body begins in the file.
    pub(crate) at: u64,
}

/// The sections of a module or a component.
pub(crate) fn sections(binary: &[u8]) -> Result<Vec<Section<'_>>> {
    let mut reader = BinaryReader::new(binary, 0);
    reader.read_bytes(8).context("there is no header")?;
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let at = reader.original_position();
        sections.push(Section { id, body: reader.read_bytes(size as usize)?, at });
    }
    Ok(sections)
}

impl Section<'_> {
    /// The items of a section that is a list.
    pub(crate) fn items<'a, T: FromReader<'a>>(&'a self) -> Result<Vec<T>> {
        let reader = wasmparser::SectionLimited::<T>::new(BinaryReader::new(self.body, self.at))?;
        reader.into_iter().collect::<Result<_, _>>().map_err(Into::into)
    }
}
