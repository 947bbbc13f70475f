//! Calls for data: documents, transactions, SQL, objects, key-value.

use crate::ostro::db::documents::Collection;
use crate::ostro::db::sql::{Database, Outcome, Parameters, Rows, Statement, Value};
use crate::ostro::db::transactions::Transaction;
use crate::ostro::storage::objects::Bucket as Objects;
use crate::shown;
use crate::wasi::keyvalue::atomics::{self, Cas, CasError};
use crate::wasi::keyvalue::{batch, store};

/// The first argument is the collection, database, bucket or namespace.
pub fn make(interface: &str, function: &str, rest: &[&str]) -> String {
    match interface {
        "ostro:db/documents" if function == "open-as-caller" => match Collection::open_as_caller(rest[0]) {
            Ok(collection) => documents(&collection, "find", &rest[1..]),
            Err(error) => format!("{error:?}"),
        },
        "ostro:db/documents" => match Collection::open(rest[0]) {
            Ok(collection) => documents(&collection, function, &rest[1..]),
            Err(error) => format!("{error:?}"),
        },
        "ostro:db/transactions" => transaction(function, rest),
        "ostro:db/sql" => sql(function, rest),
        "ostro:storage/objects" if function == "open-as-caller" => match Objects::open_as_caller(rest[0]) {
            Ok(bucket) => objects(&bucket, "list", &rest[1..]),
            Err(error) => format!("{error:?}"),
        },
        "ostro:storage/objects" => match Objects::open(rest[0]) {
            Ok(bucket) => objects(&bucket, function, &rest[1..]),
            Err(error) => format!("{error:?}"),
        },
        _ => match store::open(rest[0]) {
            Ok(bucket) => values(&bucket, interface, function, &rest[1..]),
            Err(error) => format!("{error:?}"),
        },
    }
}

fn documents(collection: &Collection, function: &str, rest: &[&str]) -> String {
    match (function, rest) {
        ("insert", [documents]) => shown(collection.insert(documents)),
        ("get", [id]) => shown(collection.get(id)),
        ("find", [filter, options]) => shown(collection.find(filter, options)),
        ("count", [filter]) => shown(collection.count(filter, "")),
        ("distinct", [field, filter]) => shown(collection.distinct(field, filter)),
        ("aggregate", [pipeline]) => shown(collection.aggregate(pipeline)),
        ("update", [filter, update, options]) => shown(collection.update(filter, update, options)),
        ("replace", [filter, document, options]) => shown(collection.replace(filter, document, options)),
        ("delete", [filter]) => shown(collection.delete(filter, "")),
        ("find-and-modify", [filter, change]) => shown(collection.find_and_modify(filter, change, "")),
        _ => panic!("{function:?} {rest:?}"),
    }
}

/// Each is a transaction of its own, and committed; `hold` begins so many and ends none of them.
fn transaction(function: &str, rest: &[&str]) -> String {
    if let ("hold", [count]) = (function, rest) {
        let held: Vec<_> = (0..count.parse().expect("a number")).map(|_| Transaction::begin()).collect();
        let begun = held.iter().filter(|transaction| transaction.is_ok()).count();
        let refused =
            held.iter().find_map(|transaction| transaction.as_ref().err().map(|error| format!("{error:?}")));
        std::mem::forget(held);
        return format!("{begun} {refused:?}");
    }
    let transaction = match Transaction::begin() {
        Ok(transaction) => transaction,
        Err(error) => return format!("{error:?}"),
    };
    let told = match (function, rest) {
        ("collection", [name, id]) => match transaction.collection(name) {
            Ok(collection) => format!("{} {}", shown(collection.get(id)), shown(collection.find("{}", ""))),
            Err(error) => format!("{error:?}"),
        },
        ("get-value", [namespace, key]) => shown(transaction.get_value(namespace, key)),
        ("set-value", [namespace, key, value]) => {
            shown(transaction.set_value(namespace, key, value.as_bytes()))
        }
        ("delete-value", [namespace, key]) => shown(transaction.delete_value(namespace, key)),
        ("send", [queue, body, options]) => shown(transaction.send(queue, body.as_bytes(), options)),
        _ => panic!("{function:?} {rest:?}"),
    };
    format!("{told} {}", shown(transaction.commit()))
}

fn sql(function: &str, rest: &[&str]) -> String {
    let database = match Database::open(rest[0]) {
        Ok(database) => database,
        Err(error) => return format!("{error:?}"),
    };
    let statement =
        |sql: &str| Statement { sql: sql.to_owned(), parameters: Parameters::Positional(Vec::new()) };
    match (function, &rest[1..]) {
        ("query", [sql]) => shown(database.query(&statement(sql)).map(rows)),
        ("execute", [sql]) => shown(database.execute(&statement(sql)).map(done)),
        ("batch", all) => {
            let statements: Vec<_> = all.iter().map(|sql| statement(sql)).collect();
            let outcomes = database.batch(&statements);
            shown(outcomes.map(|all| all.into_iter().map(done).collect::<Vec<_>>().join("; ")))
        }
        _ => panic!("{function:?} {rest:?}"),
    }
}

fn done(outcome: Outcome) -> String {
    format!("{} {:?} {}", outcome.rows_affected, outcome.last_row_id, rows(outcome.rows))
}

fn rows(rows: Rows) -> String {
    let one = |value: Value| match value {
        Value::Blob(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => format!("{other:?}"),
    };
    let all = rows.rows.into_iter().map(|row| row.into_iter().map(one).collect::<Vec<_>>().join(","));
    format!("{:?} {}", rows.columns, all.collect::<Vec<_>>().join(" / "))
}

fn objects(bucket: &Objects, function: &str, rest: &[&str]) -> String {
    match (function, rest) {
        ("put", [key, content, options]) => shown(bucket.put(key, content.as_bytes(), options)),
        ("get", [key]) => shown(bucket.get(key)),
        ("head", [key]) => shown(bucket.head(key)),
        ("delete", [key]) => shown(bucket.delete(key, "")),
        ("list", [options]) => shown(bucket.list(options)),
        ("sign", [method, key]) => shown(bucket.sign(method, key, 600, "")),
        ("copy", [key, to, to_key]) => match Objects::open(to) {
            Ok(to) => shown(bucket.copy(key, &to, to_key, "")),
            Err(error) => format!("{error:?}"),
        },
        ("download", [key]) => match bucket.download(key, "") {
            Ok(Some(download)) => format!("{} {}", download.info(), shown(download.read(1 << 18))),
            other => format!("{:?}", other.map(|_| "none")),
        },
        ("upload", [key, content]) => match bucket.upload(key, "") {
            Ok(upload) => format!("{} {}", shown(upload.write(content.as_bytes())), shown(upload.finish())),
            Err(error) => format!("{error:?}"),
        },
        _ => panic!("{function:?} {rest:?}"),
    }
}

fn values(bucket: &store::Bucket, interface: &str, function: &str, rest: &[&str]) -> String {
    match (interface, function, rest) {
        ("wasi:keyvalue/store", "get", [key]) => shown(bucket.get(key)),
        ("wasi:keyvalue/store", "set", [key, value]) => shown(bucket.set(key, value.as_bytes())),
        ("wasi:keyvalue/store", "delete", [key]) => shown(bucket.delete(key)),
        ("wasi:keyvalue/store", "exists", [key]) => shown(bucket.exists(key)),
        ("wasi:keyvalue/store", "list-keys", cursor) => {
            let page = bucket.list_keys(cursor.first().copied());
            shown(page.map(|page| format!("{:?} {:?}", page.keys, page.cursor)))
        }
        ("wasi:keyvalue/atomics", "increment", [key]) => shown(atomics::increment(bucket, key, 1)),
        ("wasi:keyvalue/atomics", "current", [key]) => match Cas::new(bucket, key) {
            Ok(cas) => shown(cas.current()),
            Err(error) => format!("{error:?}"),
        },
        ("wasi:keyvalue/atomics", "swap", [key, value]) => match Cas::new(bucket, key) {
            Ok(cas) => {
                let seen = shown(cas.current());
                match atomics::swap(cas, value.as_bytes()) {
                    Ok(()) => seen,
                    Err(CasError::StoreError(error)) => format!("{seen} {error:?}"),
                    Err(CasError::CasFailed(again)) => format!("{seen} lost {}", shown(again.current())),
                }
            }
            Err(error) => format!("{error:?}"),
        },
        ("wasi:keyvalue/batch", "get-many", keys) => {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            shown(
                batch::get_many(bucket, &keys).map(|all| all.into_iter().map(shown_pair).collect::<String>()),
            )
        }
        ("wasi:keyvalue/batch", "set-many", [key, value]) => {
            shown(batch::set_many(bucket, &[((*key).to_owned(), value.as_bytes().to_vec())]))
        }
        ("wasi:keyvalue/batch", "delete-many", [key]) => {
            shown(batch::delete_many(bucket, &[(*key).to_owned()]))
        }
        _ => panic!("{interface:?} {function:?} {rest:?}"),
    }
}

fn shown_pair(pair: (String, Option<Vec<u8>>)) -> String {
    crate::Shown::shown(pair)
}
