//! Rules in the driver: which index they lead to, what is stored of them, cursors that somebody made up, and rules at
//! random against another evaluation of the same.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::cursor::{Asked as OfCursor, Position};
use super::super::plan::{Source, plan};
use super::super::select::{Columns, text};
use super::plans::{Bench, wanted};
use super::*;
use crate::documents::language::rules::reference;
use crate::documents::language::{Direction, Filter, Hidden, Rule};
use crate::documents::{Caller, IndexSpec};
use crate::sqlite;

fn ada() -> Caller {
    Caller { user: Some("ada".to_owned()), roles: vec!["editor".to_owned()], anonymous: false }
}

/// A filter below a rule.
fn ruled(rule: &str, filter: &Filter, hidden: &[&str]) -> Filter {
    let hidden: Vec<String> = hidden.iter().map(|field| (*field).to_owned()).collect();
    filter.ruled(&Rule::parse(rule).unwrap().known(&ada()), &Hidden::parse(&hidden).unwrap())
}

/// A rule walks the index that serves it, also below what a caller asks for and in the order that it wants.
#[test]
fn a_rule_leads_to_its_index() {
    let bench = Bench::new(&[
        (&["owner"], false),
        (&["owner", "n"], false),
        (&["members"], false),
        (&["age"], false),
        (&["secret"], false),
    ]);
    let owner = "owner == auth.user";
    let cases = [
        (owner, "{}", "", 1),
        ("auth.user == owner && !hidden", "{}", "", 1),
        ("(owner == auth.user && open) && 'editor' in auth.roles", r#"{"text":{"$regex":"x"}}"#, "", 1),
        (owner, "{}", r#"{"n":-1}"#, 2),
        (owner, r#"{"n":{"$gt":5}}"#, "", 2),
        (owner, r#"{"$or":[{"x":1},{"y":1}]}"#, r#"{"n":1}"#, 2),
        ("owner in [auth.user, 'all']", "{}", "", 1),
        ("owner == auth.user || 'boss' in auth.roles", "{}", "", 1),
        ("'boss' in auth.roles || (owner == auth.user && open)", "{}", "", 1),
        ("auth.user in members", "{}", "", 3),
        ("age >= 18", "{}", "", 4),
        ("18 <= age && age < 21", r#"{"x":1}"#, "", 4),
    ];
    for (rule, filter, sort, index) in cases {
        let mut wanted = wanted(filter, sort, Columns::All);
        wanted.filter = Arc::new(ruled(rule, &wanted.filter, &[]));
        let plan = plan(&wanted.filter, &bench.collection.indexes, &wanted.wish);
        let steps = sqlite::plan(&bench.connection, &text(bench.collection.id, &plan, &wanted, 1).sql);
        let of = match &plan.source {
            Source::Walk { index, .. } | Source::Entries { index, .. } => *index,
            other => panic!("{rule} {filter}: {other:?}"),
        };
        assert_eq!(of, index, "{rule} {filter} {sort}");
        assert!(
            steps.contains(&"SEARCH x USING PRIMARY KEY (key>? AND key<?)".to_owned()),
            "{rule}: {steps:#?}"
        );
        assert!(!steps.iter().any(|step| step.starts_with("SCAN c")), "{rule}: {steps:#?}");
    }
    let source =
        |filter: &Filter| plan(filter, &bench.collection.indexes, &super::super::plan::Wish::Any).source;
    assert_eq!(source(&ruled("_id == auth.user", &Filter::all(), &[])), Source::Id("ada".to_owned()));
    // What a choice leaves open leads nowhere, and what is hidden is not walked.
    for rule in ["owner == auth.user || public", "owner != auth.user", "owner == null", "!(owner == 'x')"] {
        assert_eq!(source(&ruled(rule, &Filter::all(), &[])), Source::Scan, "{rule}");
    }
    assert_eq!(source(&ruled("secret == auth.user", &Filter::all(), &["secret"])), Source::Scan);
    assert!(matches!(
        source(&ruled("secret == auth.user", &Filter::all(), &[])),
        Source::Walk { index: 5, .. }
    ));
}

pub(super) fn rules(read: &str) -> crate::documents::Rules {
    let all = Some("true".to_owned());
    crate::documents::Rules {
        read: Some(read.to_owned()),
        create: all.clone(),
        update: all.clone(),
        delete: all,
        ..crate::documents::Rules::default()
    }
}

/// Threat C9 with a cursor that its caller made up: it knows the question, but has no order of what is hidden from it.
#[tokio::test]
async fn c9_a_made_up_cursor_tells_nothing_of_hidden_fields() {
    let folder = scratch();
    let documents =
        open_in(folder.path(), TurnedClock::at(START_MS).store_clock(), Limits::default()).unwrap();
    let rules = crate::documents::Rules { hidden: vec!["secret".to_owned()], ..rules("open == true") };
    let spec = CollectionSpec { name: "a".to_owned(), indexes: Some(vec![]), rules: Some(rules) };
    documents.declare(project(1), &[spec]).await.unwrap();
    let all = [r#"{"_id":"1","open":true,"secret":"a"}"#, r#"{"_id":"2","open":true,"secret":"z"}"#];
    documents.write(project(1), "a", inserts(&all.map(str::to_owned))).await.unwrap();
    let under = format!("{:?}", Rule::parse("open == true").unwrap().known(&ada()));
    let found = async |order: &str| {
        let position = Position {
            order: vec![(order.to_owned(), Direction::Ascending)],
            sort_key: crate::documents::language::key(&crate::documents::language::Value::String(
                "m".to_owned(),
            )),
            ..Position::default()
        };
        let of =
            OfCursor { project: project(1), collection: 1, filter: "{}", sort: None, under: Some(&under) };
        let find = Find { cursor: Some(position.write(of).unwrap()), ..Find::new("{}") };
        documents.read_as(project(1), &ada(), "a", Read::Find(find)).await
    };
    // The cursor is one that would be taken, were it not for the field.
    assert!(matches!(found("open").await, Ok(Found::Page(_))));
    for field in ["secret", "secret.x"] {
        assert!(matches!(found(field).await, Err(Failure::Invalid(_))), "{field}");
    }
}

/// What is in the file and cannot be understood is no permission, not even the part that can be.
#[tokio::test]
async fn rules_that_cannot_be_understood_permit_nothing() {
    let stored = [
        Some(r#"{"read":"true","create":null,"update":null,"delete":null,"owner":null}"#),
        Some(r#"{"read":"true"}"#),
        None,
        Some(""),
        Some("true"),
        Some(r#"{"read":true}"#),
        Some(r#"{"read":"true","update":"n ="}"#),
        Some(r#"{"read":"true","hidden":["$a"]}"#),
        Some(r#"{"read":"true","hidden":"a"}"#),
        Some(r#"{"read":"true","owner":"a.b"}"#),
        Some(r#"{"read":"true","only_at_night":"true"}"#),
    ];
    for (at, stored) in stored.into_iter().enumerate() {
        let folder = scratch();
        let documents =
            open_in(folder.path(), TurnedClock::at(START_MS).store_clock(), Limits::default()).unwrap();
        documents.declare(project(1), &[spec(false)]).await.unwrap();
        let write = move |connection: &Connection, _| {
            connection.execute("UPDATE collections SET rules = ?1, generation = 7", [stored])?;
            Ok(())
        };
        documents.files.write(project(1), Durability::Now, write, |()| ()).await.unwrap();
        let found = documents.read_as(project(1), &ada(), "a", count("{}")).await;
        match at < 2 {
            true => assert_eq!(found.unwrap(), Found::Count(0)),
            false => assert!(matches!(found, Err(Failure::Forbidden)), "{stored:?}: {found:?}"),
        }
    }
}

/// Fields that meet each other often, of every type that a rule can name.
fn value() -> impl Strategy<Value = Json> {
    let one = prop_oneof![
        2 => Just(Json::Null),
        2 => any::<bool>().prop_map(Json::Bool),
        3 => (-1_i64..3).prop_map(Json::from),
        1 => prop::sample::select(vec![0.5, 1.0, 1.5]).prop_map(Json::from),
        4 => prop::sample::select(vec!["ada", "bob", "editor", ""]).prop_map(Json::from),
    ];
    one.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            prop::collection::vec((prop::sample::select(vec!["x", "y"]), inner), 0..3).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

pub(super) fn document() -> impl Strategy<Value = Json> {
    let name = prop::sample::select(vec!["owner", "n", "tags", "deep", "open"]);
    prop::collection::vec((name, value()), 0..5)
        .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn caller() -> impl Strategy<Value = Caller> {
    let user = prop::sample::select(vec![None, Some("ada"), Some("bob"), Some("")]);
    let roles = prop::collection::vec(prop::sample::select(vec!["editor", "ada"]), 0..2);
    (user, roles, any::<bool>()).prop_map(|(user, roles, anonymous)| Caller {
        user: user.map(str::to_owned),
        roles: roles.into_iter().map(str::to_owned).collect(),
        anonymous,
    })
}

/// Whether a row is one that is asked for.
pub(super) type IsAsked = fn(&Json) -> bool;

/// What callers ask for beside what rules let them see, and how the reference decides the same.
pub(super) fn asked() -> impl Strategy<Value = (String, IsAsked)> {
    let cases: Vec<(&str, IsAsked)> = vec![
        ("{}", |_| true),
        (r#"{"n":1}"#, |row| match &row["n"] {
            Json::Array(all) => all.iter().any(|one| one.as_f64() == Some(1.0)),
            one => one.as_f64() == Some(1.0),
        }),
        (r#"{"owner":{"$exists":true}}"#, |row| row.get("owner").is_some()),
        (r#"{"_id":{"$in":["0","3","4"]}}"#, |row| ["0", "3", "4"].contains(&row["_id"].as_str().unwrap())),
    ];
    prop::sample::select(cases).prop_map(|(filter, is_so)| (filter.to_owned(), is_so))
}

/// What rules ask of what is to come.
pub(super) const DATA: [&str; 2] = ["request.data", "request.data.n"];
/// What rules ask for.
pub(super) const FIELDS: [&str; 9] =
    ["owner", "n", "tags", "deep", "deep.x", "deep.x.y", "open", "none", "_id"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Row by row, what a caller is answered is what another evaluation of the same rule lets it see.
    #[test]
    fn what_is_answered_is_what_the_rule_says(
        rule in reference::rule(&FIELDS, &DATA),
        rows in prop::collection::vec(document(), 1..8),
        callers in prop::collection::vec(caller(), 1..4),
        (filter, is_asked) in asked(),
        sort in prop::sample::select(vec![None, Some(r#"{"n":-1}"#), Some(r#"{"owner":1,"n":1}"#)]),
    ) {
        let folder = scratch();
        let documents = open_in(folder.path(), TurnedClock::at(START_MS).store_clock(), Limits::default()).unwrap();
        let text = rule.text();
        let index = |fields: &[&str]| {
            IndexSpec { fields: fields.iter().map(|field| (*field).to_owned()).collect(), unique: false }
        };
        let indexes = Some(vec![index(&["owner"]), index(&["n"]), index(&["deep.x"]), index(&["tags"])]);
        let spec = CollectionSpec { name: "a".to_owned(), indexes, rules: Some(rules(&text)) };
        block_on(documents.declare(project(1), &[spec])).unwrap();
        let rows: Vec<Json> = rows.into_iter().enumerate().map(|(at, mut row)| {
            row["_id"] = json!(at.to_string());
            row
        }).collect();
        let texts: Vec<String> = rows.iter().map(Json::to_string).collect();
        block_on(documents.write(project(1), "a", inserts(&texts))).unwrap();
        for caller in callers {
            let mut expected: Vec<&str> = rows.iter()
                .filter(|row| rule.lets(&caller, row) && is_asked(row))
                .map(|row| row["_id"].as_str().unwrap())
                .collect();
            expected.sort_unstable();
            let find = Find { sort: sort.map(str::to_owned), ..Find::new(filter.as_str()) };
            let found = match block_on(documents.read_as(project(1), &caller, "a", Read::Find(find))) {
                Ok(Found::Page(page)) => page.documents,
                Err(Failure::Forbidden) => Vec::new(),
                other => panic!("{text}: {other:?}"),
            };
            let mut ids: Vec<String> = found.iter().map(|row| {
                let row: Json = serde_json::from_str(row).unwrap();
                row["_id"].as_str().unwrap().to_owned()
            }).collect();
            ids.sort_unstable();
            prop_assert_eq!(&ids, &expected, "{} for {:?}", text, caller);
            let counted = match block_on(documents.read_as(project(1), &caller, "a", count(&filter))) {
                Ok(Found::Count(counted)) => counted,
                Err(Failure::Forbidden) => 0,
                other => panic!("{text}: {other:?}"),
            };
            prop_assert_eq!(counted, expected.len() as u64, "{} for {:?}", text, caller);
            for row in &rows {
                let id = row["_id"].as_str().unwrap().to_owned();
                let got = block_on(documents.read_as(project(1), &caller, "a", Read::Get { id, fields: None }));
                let is_there = matches!(got, Ok(Found::Document(Some(_))));
                prop_assert_eq!(is_there, rule.lets(&caller, row), "{} for {:?}: {}", text, caller, row);
            }
            // What may be seen is what may be removed, here.
            let deleted = block_on(documents.write_as(project(1), &caller, "a", Write::Delete(Target::many(filter.as_str()))));
            let deleted = match deleted {
                Ok(Written::Deleted(deleted)) => deleted,
                Err(Failure::Forbidden) => 0,
                other => panic!("{text}: {other:?}"),
            };
            prop_assert_eq!(deleted, expected.len() as u64);
            let again: Vec<String> = rows.iter()
                .filter(|row| expected.contains(&row["_id"].as_str().unwrap()))
                .map(Json::to_string)
                .collect();
            if !again.is_empty() {
                block_on(documents.write(project(1), "a", inserts(&again))).unwrap();
            }
        }
    }
}
