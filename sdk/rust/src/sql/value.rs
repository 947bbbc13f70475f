//! Values as SQLite has them, and what of Rust becomes one.

use crate::bindings::ostro::db::sql;

/// A value, as SQLite has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// NULL.
    #[default]
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL. What is no number is stored as NULL.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// The kinds of which each value is a value of SQL.
macro_rules! becomes {
    ($($kind:ty: $value:ident => $variant:ident($as:expr)),* $(,)?) => {$(
        impl From<$kind> for Value {
            fn from($value: $kind) -> Self {
                Self::$variant($as)
            }
        }
    )*};
}

becomes! {
    bool: value => Integer(value.into()),
    i8: value => Integer(value.into()),
    i16: value => Integer(value.into()),
    i32: value => Integer(value.into()),
    i64: value => Integer(value),
    u8: value => Integer(value.into()),
    u16: value => Integer(value.into()),
    u32: value => Integer(value.into()),
    f32: value => Real(value.into()),
    f64: value => Real(value),
    &str: value => Text(value.to_owned()),
    &String: value => Text(value.clone()),
    String: value => Text(value),
    &[u8]: value => Blob(value.to_vec()),
    Vec<u8>: value => Blob(value),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<sql::Value> for Value {
    fn from(value: sql::Value) -> Self {
        match value {
            sql::Value::Null => Self::Null,
            sql::Value::Integer(number) => Self::Integer(number),
            sql::Value::Real(number) => Self::Real(number),
            sql::Value::Text(text) => Self::Text(text),
            sql::Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<Value> for sql::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Real(number) => Self::Real(number),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}
