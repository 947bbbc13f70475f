//! What statements answer.

use serde::de::DeserializeOwned;

use super::read::Row;
use super::{Error, Result, Value};
use crate::bindings::ostro::db::sql;

/// What a statement answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// For each row a value for each column.
    pub rows: Vec<Vec<Value>>,
}

/// What a statement that may write has done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Rows that it inserted, changed or deleted, without those that triggers did.
    pub rows_affected: u64,
    /// The row id of the last row that it inserted, if it did.
    pub last_row_id: Option<i64>,
    /// The rows of RETURNING, or of a statement that only reads.
    pub rows: Rows,
}

impl Rows {
    /// The rows as values of a type: a struct by the names of the columns, a tuple by their places, and anything else
    /// where there is one column.
    pub fn read<T: DeserializeOwned>(self) -> Result<Vec<T>> {
        let Self { columns, rows } = self;
        rows.into_iter().map(|row| read(&columns, row)).collect()
    }

    /// The first row, if there is any.
    pub fn read_first<T: DeserializeOwned>(self) -> Result<Option<T>> {
        let Self { columns, rows } = self;
        rows.into_iter().next().map(|row| read(&columns, row)).transpose()
    }

    /// The first row; `Mismatch` when there is none.
    pub fn read_one<T: DeserializeOwned>(self) -> Result<T> {
        self.read_first()?.ok_or_else(|| Error::Mismatch("there is no row".to_owned()))
    }
}

fn read<T: DeserializeOwned>(columns: &[String], row: Vec<Value>) -> Result<T> {
    T::deserialize(Row::new(columns, row)).map_err(|fault| Error::Mismatch(fault.to_string()))
}

impl From<sql::Rows> for Rows {
    fn from(rows: sql::Rows) -> Self {
        let values = |row: Vec<sql::Value>| row.into_iter().map(Into::into).collect();
        Self { columns: rows.columns, rows: rows.rows.into_iter().map(values).collect() }
    }
}

impl From<sql::Outcome> for Outcome {
    fn from(outcome: sql::Outcome) -> Self {
        let sql::Outcome { rows_affected, last_row_id, rows } = outcome;
        Self { rows_affected, last_row_id, rows: rows.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Novel,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Book {
        title: String,
        year: Option<u16>,
        kind: Kind,
        read: bool,
        cover: Vec<u8>,
        price: f64,
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn rows(columns: &[&str], rows: Vec<Vec<Value>>) -> Rows {
        Rows { columns: columns.iter().map(|name| (*name).to_owned()).collect(), rows }
    }

    #[test]
    fn a_struct_is_read_by_names() {
        let columns = ["read", "title", "year", "kind", "cover", "price"];
        let momo =
            vec![1_i64.into(), text("Momo"), Value::Null, text("novel"), vec![7_u8, 9].into(), 3_i64.into()];
        let book = Book {
            title: "Momo".to_owned(),
            year: None,
            kind: Kind::Novel,
            read: true,
            cover: vec![7, 9],
            price: 3.0,
        };
        assert_eq!(rows(&columns, vec![momo]).read::<Book>(), Ok(vec![book]));
        let fault = rows(&["title"], vec![vec![text("Momo")]]).read::<Book>();
        assert_eq!(fault, Err(Error::Mismatch("missing field `kind`".to_owned())));
    }

    #[test]
    fn a_tuple_is_read_by_places_and_one_column_by_itself() {
        let two = rows(&["a", "b"], vec![vec![1_i64.into(), text("x")], vec![2_i64.into(), Value::Null]]);
        assert_eq!(
            two.clone().read::<(u8, Option<String>)>(),
            Ok(vec![(1, Some("x".to_owned())), (2, None)])
        );
        assert_eq!(two.clone().read_first::<(i64, String)>(), Ok(Some((1, "x".to_owned()))));
        assert!(two.clone().read::<u8>().is_err() && two.read::<(u8, u8)>().is_err());
        let one = rows(&["n"], vec![vec![7_i64.into()]]);
        assert_eq!(one.clone().read_one::<u64>(), Ok(7));
        assert_eq!(one.clone().read_one::<Option<u8>>(), Ok(Some(7)));
        assert!(one.clone().read_one::<(u8, u8)>().is_err() && one.clone().read_one::<String>().is_err());
        assert_eq!(one.read_one::<(i64,)>(), Ok((7,)));
        let none = rows(&["n"], Vec::new());
        assert_eq!(none.clone().read_first::<u8>(), Ok(None));
        assert_eq!(none.read_one::<u8>(), Err(Error::Mismatch("there is no row".to_owned())));
    }
}
