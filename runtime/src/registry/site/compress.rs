//! Files of a site in compressed form, made once, when they are published.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Shorter files are not worth it: their answer fits into one packet anyway.
const MIN_BYTES: u64 = 1 << 10;
/// Of brotli's 0 to 11: the highest at which a megabyte takes well under a second.
const QUALITY: u32 = 9;
/// Window of brotli, as a power of two: what every browser can hold.
const WINDOW: u32 = 22;
/// What brotli reads at once, bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// The compressed forms of a content; none where it is not shorter.
pub(super) struct Compressed {
    pub(super) gzip: Option<Bytes>,
    pub(super) brotli: Option<Bytes>,
}

/// Whether a file of that media type and size is compressed.
pub(super) fn is_worth_it(media_type: &str, bytes: u64) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    let is_text = essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/wasm"
                | "font/ttf"
                | "font/otf"
        );
    is_text && bytes > MIN_BYTES
}

/// Compresses in both ways. Takes a second for some megabytes: not on a thread that serves requests.
pub(super) fn both(content: &[u8]) -> io::Result<Compressed> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(content)?;
    let mut brotli = brotli::CompressorWriter::new(Vec::new(), BUFFER_BYTES, QUALITY, WINDOW);
    brotli.write_all(content)?;
    brotli.flush()?;
    let shorter = |bytes: Vec<u8>| (bytes.len() < content.len()).then(|| Bytes::from(bytes));
    Ok(Compressed { gzip: shorter(gzip.finish()?), brotli: shorter(brotli.into_inner()) })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn texts_get_shorter_and_come_back() {
        let text = "<p>the same again and again</p>\n".repeat(500);
        let Compressed { gzip, brotli } = both(text.as_bytes()).unwrap();
        let (gzip, brotli) = (gzip.unwrap(), brotli.unwrap());
        assert!(gzip.len() < text.len() / 10 && brotli.len() < gzip.len());
        let mut read = String::new();
        flate2::read::GzDecoder::new(gzip.as_ref()).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
        read.clear();
        brotli::Decompressor::new(brotli.as_ref(), 4096).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn what_gets_longer_stays_as_it_is() {
        let mut noise = vec![0; 4096];
        getrandom::fill(&mut noise).unwrap();
        let Compressed { gzip, brotli } = both(&noise).unwrap();
        assert_eq!((gzip, brotli), (None, None));
    }

    #[test]
    fn only_texts_of_some_size_are_compressed() {
        for media_type in
            ["text/html; charset=utf-8", "application/json", "image/svg+xml", "application/wasm"]
        {
            assert!(is_worth_it(media_type, 1025), "{media_type}");
            assert!(!is_worth_it(media_type, 1024), "{media_type}");
        }
        for media_type in ["image/png", "video/mp4", "application/zip", "font/woff2", ""] {
            assert!(!is_worth_it(media_type, 1 << 20), "{media_type}");
        }
    }
}
