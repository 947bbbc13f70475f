//! How our types are stored in SQLite's, and how its errors become ours.

use std::io;

use rusqlite::ffi::{SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Error, ErrorCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Result;
use crate::StoreError;
use crate::catalog::{Digest, FunctionId, ProjectId};
use crate::jobs::{JobId, LeaseToken};

/// A value stored as JSON text.
pub(crate) struct Json<T>(pub(crate) T);

/// A new id for something made at that moment (UUIDv7: ids sort by age).
pub(crate) fn new_id(at_ms: i64) -> Result<Uuid> {
    let random = crate::keys::random::<10>()?;
    Ok(uuid::Builder::from_unix_timestamp_millis(u64::try_from(at_ms).unwrap_or(0), &random).into_uuid())
}

/// A number as it is stored: one that is too large is the largest.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl<T: Serialize> ToSql for Json<&T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(self.0).map_err(|e| Error::ToSqlConversionFailure(e.into()))?;
        Ok(text.into())
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|e| FromSqlError::Other(e.into()))
    }
}

impl ToSql for ProjectId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_bytes().as_slice().into())
    }
}

impl FromSql for ProjectId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        uuid(value).map(Self)
    }
}

impl ToSql for FunctionId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_bytes().as_slice().into())
    }
}

impl FromSql for FunctionId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        uuid(value).map(Self)
    }
}

impl ToSql for JobId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_bytes().as_slice().into())
    }
}

impl FromSql for JobId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        uuid(value).map(Self)
    }
}

impl ToSql for LeaseToken {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_bytes().as_slice().into())
    }
}

impl FromSql for LeaseToken {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        uuid(value).map(Self)
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        Self::parse(text).ok_or_else(|| FromSqlError::Other(format!("{text:?} is not a digest").into()))
    }
}

fn uuid(value: ValueRef<'_>) -> FromSqlResult<Uuid> {
    Uuid::from_slice(value.as_blob()?).map_err(|e| FromSqlError::Other(e.into()))
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        if let Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..) = error
        {
            return Self::Damaged(error.to_string());
        }
        let Some(cause) = error.sqlite_error() else { return Self::driver(error) };
        match (cause.code, cause.extended_code) {
            // The index of the write-ahead log lives in memory that is backed by a file.
            (ErrorCode::DiskFull, _) | (_, SQLITE_IOERR_SHMSIZE | SQLITE_IOERR_SHMMAP) => {
                Self::NoSpace(io::Error::new(io::ErrorKind::StorageFull, error))
            }
            (ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt, _) => Self::Damaged(error.to_string()),
            _ => Self::driver(error),
        }
    }
}
