//! `ostro::sql`.

use ostro::sql::{self, Error, Rows, Statement, Value, params};
use serde::Deserialize;

use crate::Outcome;

#[derive(Debug, PartialEq, Deserialize)]
struct Book {
    id: i64,
    title: String,
    year: Option<u16>,
    cover: Option<Vec<u8>>,
}

pub fn change_and_find() -> Outcome {
    let main = sql::database("main")?;
    main.execute("DROP TABLE IF EXISTS books", params![])?;
    main.execute(
        "CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT UNIQUE NOT NULL, year INTEGER, cover BLOB)",
        params![],
    )?;
    let insert = "INSERT INTO books (title, year, cover) VALUES (:title, :year, :cover)";
    let momo = params! { "title" => "Momo", "year" => 1973, "cover" => vec![0_u8, 255] };
    let made = main.execute(insert, momo.clone())?;
    assert_eq!((made.rows_affected, made.last_row_id, made.rows), (1, Some(1), Rows::default()));
    let made = main.batch([
        Statement::new(insert, params! { ":title" => "Emma", ":year" => 1815, ":cover" => Value::Null }),
        Statement::new("INSERT INTO books (title) VALUES (?) RETURNING id", params!["Ulysses"]),
    ])?;
    assert_eq!(made.len(), 2);
    assert_eq!(made.into_iter().nth(1).ok_or("no answer")?.rows.read_one::<i64>()?, 3);

    let books: Vec<Book> =
        main.query("SELECT * FROM books WHERE year < ? ORDER BY year", params![2_000])?.read()?;
    let emma = Book { id: 2, title: "Emma".to_owned(), year: Some(1815), cover: None };
    let momo_read = Book { id: 1, title: "Momo".to_owned(), year: Some(1973), cover: Some(vec![0, 255]) };
    assert_eq!(books, [emma, momo_read]);
    let (count, average): (u32, f64) =
        main.query("SELECT count(*), avg(year) FROM books", params![])?.read_one()?;
    assert_eq!((count, average), (3, 1894.0));
    let none: Option<Book> = main.query("SELECT * FROM books WHERE id = 9", params![])?.read_first()?;
    assert_eq!(none, None);
    // What is bound is never SQL.
    let quoted = main.query("SELECT ?", params!["'; DROP TABLE books; --"])?.read_one::<String>()?;
    assert_eq!(quoted, "'; DROP TABLE books; --");
    assert_eq!(main.query("SELECT ?", params![i64::MIN])?.read_one::<i64>()?, i64::MIN);

    let twice = main.execute(insert, momo.clone());
    assert!(matches!(&twice, Err(Error::Constraint(text)) if text.contains("title")), "{twice:?}");
    let batch = main.batch([
        Statement::new("DELETE FROM books", params![]),
        Statement::new(insert, momo),
        Statement::new(insert, params![]),
    ]);
    assert!(matches!(&batch, Err(Error::Invalid(text)) if text.contains("statement 3")), "{batch:?}");
    assert_eq!(main.query("SELECT count(*) FROM books", params![])?.read_one::<u32>()?, 3, "all or none");
    for wrong in ["SELEC 1", "DELETE FROM books", "ATTACH 'x' AS y", "SELECT 1; SELECT 2"] {
        let wrong = main.query(wrong, params![]);
        assert!(matches!(wrong, Err(Error::Invalid(_))), "{wrong:?}");
    }
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    let endless = main.query(endless, params![]);
    assert!(matches!(endless, Err(Error::Limit(_))), "{endless:?}");
    let shape = main.query("SELECT title FROM books", params![])?.read::<u8>();
    assert!(matches!(shape, Err(Error::Mismatch(_))), "{shape:?}");
    Ok(())
}
