//! The guest of `tests/sql.rs`: does what the lines of its body say, and answers with a line for each.

use ostro::db::sql::{Database, Error as SqlError, Outcome, Parameters, Rows, Statement, Value};
use wstd::http::{Body, Error, Request, Response};

wit_bindgen::generate!({
    path: "../../../wit/db",
    world: "sql-imports",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let mut body = request.into_body();
    let script = body.str_contents().await?.to_owned();
    let mut database = None;
    let answers: Vec<String> = script.lines().map(|line| run(&mut database, line)).collect();
    Ok(Response::new(answers.join("\n").into()))
}

/// `open NAME`, `query SQL`, `execute SQL`, `batch SQL ;; SQL`. Behind ` ## ` stand the parameters of a statement, with ` | `
/// between them.
fn run(database: &mut Option<Database>, line: &str) -> String {
    let (word, rest) = line.split_once(' ').expect("a line has a word and something behind it");
    if word == "open" {
        return match Database::open(rest) {
            Ok(opened) => {
                *database = Some(opened);
                "ok".to_owned()
            }
            Err(error) => told(&error),
        };
    }
    let Some(database) = database else { return "nothing is open".to_owned() };
    let answer = match word {
        "query" => database.query(&statement(rest)).map(|rows| shown(&rows)),
        "execute" => database.execute(&statement(rest)).map(|outcome| done(&outcome)),
        "batch" => {
            let statements: Vec<_> = rest.split(" ;; ").map(statement).collect();
            database.batch(&statements).map(|all| all.iter().map(done).collect::<Vec<_>>().join("; "))
        }
        "fill" => {
            let count = rest.parse().expect("a number");
            let insert = Statement {
                sql: "INSERT INTO t VALUES (?1)".to_owned(),
                parameters: Parameters::Positional(vec![Value::Integer(1)]),
            };
            database.batch(&vec![insert; count]).map(|all| all.len().to_string())
        }
        _ => panic!("{line:?} is no line"),
    };
    answer.unwrap_or_else(|error| told(&error))
}

/// Parameters with a `=` in the first are named.
fn statement(text: &str) -> Statement {
    let (sql, values) = text.split_once(" ## ").unwrap_or((text, ""));
    let values: Vec<&str> = values.split(" | ").filter(|value| !value.is_empty()).collect();
    let parameters = match values.first().is_some_and(|first| first.contains('=')) {
        true => Parameters::Named(
            values
                .into_iter()
                .map(|given| given.split_once('=').expect("a name and a value"))
                .map(|(name, given)| (name.to_owned(), value(given)))
                .collect(),
        ),
        false => Parameters::Positional(values.into_iter().map(value).collect()),
    };
    Statement { sql: sql.to_owned(), parameters }
}

/// `i1`, `r0.5`, `ttext`, `bbytes`, `n`; `~N` is a blob of N bytes.
fn value(text: &str) -> Value {
    let (kind, rest) = text.split_at(1);
    match kind {
        "n" => Value::Null,
        "i" => Value::Integer(rest.parse().expect("a whole number")),
        "r" => Value::Real(rest.parse().expect("a number")),
        "t" => Value::Text(rest.to_owned()),
        "b" => Value::Blob(rest.as_bytes().to_vec()),
        "~" => Value::Blob(vec![7; rest.parse().expect("a number")]),
        _ => panic!("{text:?} is no value"),
    }
}

fn done(outcome: &Outcome) -> String {
    let Outcome { rows_affected, last_row_id, rows } = outcome;
    let id = last_row_id.map_or(String::new(), |id| format!(" id {id}"));
    match rows.columns.is_empty() {
        true => format!("{rows_affected}{id}"),
        false => format!("{rows_affected}{id} {}", shown(rows)),
    }
}

fn shown(rows: &Rows) -> String {
    let row = |row: &Vec<Value>| row.iter().map(one).collect::<Vec<_>>().join(",");
    let all = rows.rows.iter().map(row).collect::<Vec<_>>().join(" / ");
    format!(
        "[{}] {}",
        rows.columns.join(","),
        if all.len() > 200 { format!("{} rows", rows.rows.len()) } else { all }
    )
}

fn one(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => format!("'{text}'"),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

fn told(error: &SqlError) -> String {
    match error {
        SqlError::Denied(text) => format!("denied: {text}"),
        SqlError::Invalid(text) => format!("invalid: {text}"),
        SqlError::Constraint(text) => format!("constraint: {text}"),
        SqlError::Limit(text) => format!("limit: {text}"),
        SqlError::Unavailable(text) => format!("unavailable: {text}"),
    }
}
