//! Which plan a question has, and what SQLite makes of it.

use super::super::catalog::{Collection, GENERATION};
use super::super::plan::{Order, Source, Wish, plan};
use super::super::select::{Columns, Wanted, text};
use super::super::{change, look, writes};
use super::*;
use crate::documents::language::{Direction, Filter, Sort};
use crate::documents::{CollectionSpec, IndexSpec};
use crate::project::SCHEMA;
use crate::sqlite;

/// Collection `a` in memory: table `c1`, with the entries of its indexes in `x1`, `x2` and so on.
pub(super) struct Bench {
    pub(super) connection: Connection,
    pub(super) collection: Collection,
}

impl Bench {
    pub(super) fn new(indexes: &[(&[&str], bool)]) -> Self {
        let connection = Connection::open_in_memory().unwrap();
        SCHEMA.migrate(&connection).unwrap();
        Catalog::default().queries.connect(&connection).unwrap();
        let indexes = indexes.iter().map(|(fields, unique)| IndexSpec {
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            unique: *unique,
        });
        let spec = CollectionSpec { name: "a".to_owned(), indexes: Some(indexes.collect()), rules: None };
        declare::declare(&connection, 0, Limits::default(), &enqueuer(), &[spec]).unwrap();
        let collection = Collection::load(&connection, "a").unwrap();
        Self { connection, collection }
    }

    /// Documents with arrays have been put in.
    fn multikey(mut self) -> Self {
        self.collection.indexes.iter_mut().for_each(|index| index.is_multikey = true);
        self
    }

    /// The steps of a find.
    fn steps(&self, filter: &str, sort: &str, columns: Columns) -> (Source, Vec<String>) {
        let wanted = wanted(filter, sort, columns);
        let plan = plan(&wanted.filter, &self.collection.indexes, &wanted.wish);
        let text = text(self.collection.id, &plan, &wanted, 1);
        (plan.source, sqlite::plan(&self.connection, &text.sql))
    }
}

pub(super) fn wanted(filter: &str, sort: &str, columns: Columns) -> Wanted<'static> {
    let filter = Arc::new(Filter::parse(filter).unwrap());
    let wish = match sort {
        "" => Wish::Any,
        sort => Wish::Like(order(sort)),
    };
    Wanted { wish, limit: Some(11), columns, ..Wanted::all(filter) }
}

fn order(sort: &str) -> Order {
    let sort = Sort::parse(sort).unwrap();
    sort.fields().iter().map(|(path, direction)| (path.as_str().to_owned(), *direction)).collect()
}

/// What is expected of SQLite: its steps, in short.
const BY_ID: &[&str] = &["SEARCH c USING INDEX sqlite_autoindex_c1_1 (id=?)"];
const ALL: &[&str] = &["SCAN c"];
const ALL_SORTED: &[&str] = &["SCAN c", "USE TEMP B-TREE FOR ORDER BY"];
const BEHIND: &[&str] = &["SEARCH c USING INTEGER PRIMARY KEY (rowid>?)"];

fn walk(index: i64) -> Vec<String> {
    vec![
        "SEARCH x USING PRIMARY KEY (key>? AND key<?)".to_owned(),
        "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)".to_owned(),
        format!("x{index}"),
    ]
}

#[test]
fn walks_of_an_index() {
    use Direction::{Ascending, Descending};
    let bench = Bench::new(&[(&["n"], false), (&["a", "b"], false), (&["slug"], true)]);
    let cases = [
        (r#"{"n":5}"#, "", 1, Ascending),
        (r#"{"n":{"$gt":5,"$lt":9}}"#, "", 1, Ascending),
        (r#"{"n":{"$gte":5},"other":1}"#, "", 1, Ascending),
        (r#"{"n":null}"#, "", 1, Ascending),
        ("{}", r#"{"n":1}"#, 1, Ascending),
        ("{}", r#"{"n":-1}"#, 1, Descending),
        (r#"{"other":1}"#, r#"{"n":-1}"#, 1, Descending),
        (r#"{"n":{"$gt":5}}"#, r#"{"n":-1}"#, 1, Descending),
        (r#"{"a":1}"#, "", 2, Ascending),
        (r#"{"a":1,"b":{"$lt":3}}"#, "", 2, Ascending),
        (r#"{"a":1}"#, r#"{"b":-1}"#, 2, Descending),
        (r#"{"a":1,"b":{"$lt":3}}"#, r#"{"a":1,"b":1}"#, 2, Ascending),
        ("{}", r#"{"a":1,"b":1}"#, 2, Ascending),
        ("{}", r#"{"a":-1,"b":-1}"#, 2, Descending),
        ("{}", r#"{"a":-1}"#, 2, Descending),
        // What is unique is the best, whatever else there is.
        (r#"{"n":5,"a":1,"slug":"x"}"#, "", 3, Ascending),
        (r#"{"slug":"x"}"#, r#"{"n":1}"#, 0, Ascending),
    ];
    for (filter, sort, index, direction) in cases {
        let (source, steps) = bench.steps(filter, sort, Columns::All);
        if index == 0 {
            // One document at most is found, and sorted.
            assert!(matches!(source, Source::Entries { index: 3, .. }), "{filter} {sort}: {source:?}");
            continue;
        }
        match source {
            Source::Walk { index: of, direction: way, .. } => {
                assert_eq!((of, way), (index, direction), "{filter} {sort}");
            }
            other => panic!("{filter} {sort}: {other:?}"),
        }
        let expected = &walk(index)[..2];
        assert_eq!(steps, expected, "{filter} {sort}");
    }
}

/// Several parts of an index, and indexes of which a document has several entries.
#[test]
fn parts_of_an_index() {
    let indexes: [(&[&str], bool); 2] = [(&["n"], false), (&["a", "b"], false)];
    let (plain, multikey) = (Bench::new(&indexes), Bench::new(&indexes).multikey());
    let cases = [
        (&plain, r#"{"n":{"$in":[1,5,9]}}"#, "", 1, 3),
        (&plain, r#"{"a":{"$in":[1,2]},"b":{"$in":[1,2]}}"#, "", 2, 4),
        (&plain, r#"{"a":{"$in":[1,2]},"b":{"$gt":2}}"#, r#"{"n":1}"#, 2, 2),
        (&multikey, r#"{"n":5}"#, "", 1, 1),
        (&multikey, r#"{"n":{"$gt":5}}"#, r#"{"n":1}"#, 1, 1),
        (&multikey, r#"{"a":1,"b":{"$gt":5}}"#, "", 2, 1),
    ];
    for (bench, filter, sort, index, parts) in cases {
        let (source, steps) = bench.steps(filter, sort, Columns::All);
        match source {
            Source::Entries { index: of, spans } => {
                assert_eq!((of, spans.len()), (index, parts), "{filter}: {spans:?}");
            }
            other => panic!("{filter}: {other:?}"),
        }
        assert_eq!(steps[0], "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)", "{filter}: {steps:#?}");
        let entries = "SEARCH x USING PRIMARY KEY (key>? AND key<?)".to_owned();
        assert!(steps.contains(&entries), "{filter}: {steps:#?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN c")), "{filter}: {steps:#?}");
    }
}

/// What no index helps with, and what needs none.
#[test]
fn scans_and_ids() {
    let bench = Bench::new(&[(&["n"], false), (&["a", "b"], false)]);
    let cases = [
        (r#"{"_id":"1"}"#, "", BY_ID),
        (r#"{"_id":"1","n":5}"#, r#"{"n":1}"#, BY_ID),
        ("{}", "", ALL),
        (r#"{"other":1}"#, "", ALL),
        (r#"{"b":1}"#, "", ALL),
        (r#"{"n":{"$ne":5}}"#, "", ALL),
        (r#"{"$or":[{"n":1},{"other":1}]}"#, "", ALL),
        (r#"{"other":1}"#, r#"{"other":1}"#, ALL_SORTED),
        ("{}", r#"{"a":1,"b":-1}"#, ALL_SORTED),
        ("{}", r#"{"b":1}"#, ALL_SORTED),
    ];
    for (filter, sort, expected) in cases {
        let (source, steps) = bench.steps(filter, sort, Columns::All);
        assert!(matches!(source, Source::Id(_) | Source::Scan), "{filter}: {source:?}");
        assert_eq!(steps, expected, "{filter} {sort}");
    }
    // An array may stand in the way of an order.
    let (source, _) = Bench::new(&[(&["n"], false)]).multikey().steps("{}", r#"{"n":1}"#, Columns::All);
    assert_eq!(source, Source::Scan);
    let (source, _) = bench.steps(r#"{"n":{"$in":[]}}"#, "", Columns::All);
    assert_eq!(source, Source::Nothing);
}

/// The next page begins where the last one ended, without a look at those before.
#[test]
fn next_pages() {
    let bench = Bench::new(&[(&["n"], false)]);
    let after = |entry, order: &str| super::super::cursor::Position {
        order: if order.is_empty() { Order::new() } else { self::order(order) },
        sort_key: vec![1],
        seq: 5,
        entry,
    };
    let walked = |sort: &str| after(Some((1, vec![1])), sort);
    let cases = [
        ("{}", after(None, ""), BEHIND.to_vec()),
        (
            r#"{"n":{"$gt":5}}"#,
            walked(r#"{"n":1}"#),
            vec![
                "SEARCH x USING PRIMARY KEY ((key,seq)>(?,?) AND key<?)",
                "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)",
            ],
        ),
        (
            "{}",
            walked(r#"{"n":-1}"#),
            vec![
                "SEARCH x USING PRIMARY KEY (key>? AND (key,seq)<(?,?))",
                "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)",
            ],
        ),
    ];
    for (filter, after, expected) in cases {
        let wanted = wanted(filter, "", Columns::All);
        let wish = Wish::Exactly(after.order.clone());
        let wanted = Wanted { wish, after: Some(after), ..wanted };
        let plan = plan(&wanted.filter, &bench.collection.indexes, &wanted.wish);
        let text = text(bench.collection.id, &plan, &wanted, 1);
        assert_eq!(sqlite::plan(&bench.connection, &text.sql), expected, "{filter}: {}", text.sql);
    }
}

/// An upsert by what is unique looks at one entry, and so do count and the choice of what is changed.
#[test]
fn counts_and_choices() {
    let bench = Bench::new(&[(&["slug"], true), (&["n"], false)]);
    for (filter, index) in [(r#"{"slug":"a"}"#, 1), (r#"{"n":{"$gt":3}}"#, 2)] {
        for columns in [Columns::Marks, Columns::Count] {
            let (source, steps) = bench.steps(filter, "", columns);
            assert!(matches!(source, Source::Walk { index: of, .. } if of == index), "{source:?}");
            let steps: Vec<_> = steps.iter().filter(|step| step.starts_with("SEARCH")).cloned().collect();
            assert_eq!(steps, walk(index)[..2], "{filter}");
        }
    }
}

/// However many collections there are, what every call asks is found by an index.
#[test]
fn no_other_statement_scans() {
    let bench = Bench::new(&[]);
    let statements = [
        GENERATION,
        super::super::catalog::COLLECTION,
        super::super::catalog::INDEXES,
        change::TOTALS,
        change::HEAD,
        change::COUNT,
        change::COUNT_COLLECTION,
        change::MULTIKEY,
        change::RENEW,
        look::DOCUMENTS,
        writes::CHANGED,
    ];
    for sql in statements {
        let steps = sqlite::plan(&bench.connection, sql);
        // What a subquery looks at has a step of its own.
        let finds = |step: &String| step.starts_with("SEARCH") || step.starts_with("SCALAR SUBQUERY");
        assert!(!steps.is_empty() && steps.iter().all(finds), "{sql}\n{steps:#?}");
    }
}
