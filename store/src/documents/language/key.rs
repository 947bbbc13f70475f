//! Keys: values as bytes whose order is the order of the values.

use super::order::Bracket;
use super::{Object, Value};

/// Ends a text, an array and an object: below whatever could go on.
const END: u8 = 0x00;
/// Stands behind a NUL that is part of a text, so that it is not its end.
const ESCAPED: u8 = 0xff;
/// The first byte of an empty array's entry in an index: below null, as MongoDB's `undefined` is.
const EMPTY_ARRAY: u8 = 0x08;

/// The bytes of a value. They compare as [`Value::compare`] does; what is equal there has the same bytes here. No key
/// is the beginning of another and none begins with `0xff`, so keys one after the other compare field by field.
pub fn key(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    put(&mut bytes, value);
    bytes
}

/// The entry of an empty array.
pub(crate) fn key_of_empty_array() -> Vec<u8> {
    vec![EMPTY_ARRAY]
}

/// A text's key up to and without its end: what begins the keys of all texts that begin with it.
pub(crate) fn key_of_beginning(text: &str) -> Vec<u8> {
    let mut bytes = vec![Bracket::String as u8];
    put_escaped(&mut bytes, text);
    bytes
}

fn put(bytes: &mut Vec<u8>, value: &Value) {
    bytes.push(value.bracket() as u8);
    put_inside(bytes, value);
}

/// All but the first byte.
fn put_inside(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(is_true) => bytes.push(u8::from(*is_true)),
        Value::Int(number) => put_int(bytes, *number),
        Value::Float(number) => put_number(bytes, *number, 0),
        Value::String(text) => put_text(bytes, text),
        Value::Binary(content) => {
            // A document has 1 MiB at most.
            bytes.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(content);
        }
        Value::Date(date_ms) => bytes.extend_from_slice(&(date_ms.cast_unsigned() ^ (1 << 63)).to_be_bytes()),
        Value::Array(values) => {
            values.iter().for_each(|value| put(bytes, value));
            bytes.push(END);
        }
        Value::Object(object) => put_object(bytes, object),
    }
}

fn put_object(bytes: &mut Vec<u8>, object: &Object) {
    for (name, value) in object.iter() {
        bytes.push(value.bracket() as u8);
        put_text(bytes, name);
        put_inside(bytes, value);
    }
    bytes.push(END);
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_escaped(bytes, text);
    bytes.extend_from_slice(&[END, END]);
}

fn put_escaped(bytes: &mut Vec<u8>, text: &str) {
    for (at, part) in text.split('\0').enumerate() {
        if at > 0 {
            bytes.extend_from_slice(&[0, ESCAPED]);
        }
        bytes.extend_from_slice(part.as_bytes());
    }
}

/// An integer is the nearest double and what it is beyond that: rounding keeps the order, the rest breaks ties.
fn put_int(bytes: &mut Vec<u8>, number: i64) {
    let nearest = number as f64;
    // At most 512 either way: doubles below 2^63 are at most 1,024 apart.
    let rest = i128::from(number) - nearest as i128;
    put_number(bytes, nearest, i16::try_from(rest).unwrap_or(0));
}

fn put_number(bytes: &mut Vec<u8>, nearest: f64, rest: i16) {
    let ordered = match nearest {
        number if number.is_nan() => 0,
        // Both zeros are one.
        0.0 => 1 << 63,
        number if number < 0.0 => !number.to_bits(),
        number => number.to_bits() | (1 << 63),
    };
    bytes.extend_from_slice(&ordered.to_be_bytes());
    bytes.extend_from_slice(&(rest.cast_unsigned() ^ (1 << 15)).to_be_bytes());
}
