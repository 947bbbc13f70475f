//! A small picture of a large one.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};

/// Longer side of a small picture, pixels. A picture that is smaller stays as large as it is.
const SIDE: u32 = 256;
/// Sides of a picture that is still read, pixels.
const MAX_SIDE: u32 = 8_192;
/// What reading one may take, bytes: beside it the instance needs room for the file and the result.
const MAX_MEMORY: u64 = 64 << 20;
/// Of a JPEG, 1 to 100.
const QUALITY: u8 = 80;

/// The small picture and its media type: JPEG of a JPEG, PNG of a PNG, which may be transparent.
pub fn small(content: &[u8]) -> Result<(Vec<u8>, &'static str), String> {
    let mut reader = ImageReader::new(Cursor::new(content)).with_guessed_format().map_err(text)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let format = reader.format().ok_or("it is no picture")?;
    let large = reader.decode().map_err(text)?;
    let small = match large.width().max(large.height()) > SIDE {
        true => large.thumbnail(SIDE, SIDE),
        false => large,
    };
    written(&small, format)
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Result<(Vec<u8>, &'static str), String> {
    let mut bytes = Vec::new();
    match format {
        ImageFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
            picture.to_rgb8().write_with_encoder(encoder).map_err(text)?;
        }
        _ => picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).map_err(text)?,
    }
    Ok((bytes, if format == ImageFormat::Jpeg { "image/jpeg" } else { "image/png" }))
}

fn text(fault: impl std::fmt::Display) -> String {
    fault.to_string()
}
