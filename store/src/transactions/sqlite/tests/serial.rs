//! Random transactions beside each other and beside plain writes: those that were committed are done again, one after
//! the other, in the order of their commits. They must see the same and leave the same.

use proptest::prelude::*;

use super::*;
use crate::documents::{Change, FindAndModify, Returning};
use crate::project::tests::block_on;

/// What one call does.
#[derive(Clone, Debug)]
enum Step {
    Read(&'static str, Read),
    Write(&'static str, Write),
    Keys(&'static str),
    SetKey(&'static str, String),
    Send(String),
}

/// What happens next.
#[derive(Clone, Debug)]
enum Turn {
    /// The next call of that transaction, or its end.
    Of(usize),
    /// A call outside of transactions.
    Plain(Step),
}

const TRANSACTIONS: usize = 3;
const KEYS: [&str; 2] = ["x", "y"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn as_one_after_the_other(
        scripts in prop::collection::vec(prop::collection::vec(step(), 1..6), TRANSACTIONS),
        turns in prop::collection::vec(turn(), 4..30),
    ) {
        block_on(compare(scripts, turns));
    }
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![4 => (0..TRANSACTIONS).prop_map(Turn::Of), 1 => plain().prop_map(Turn::Plain)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![4 => read(), 4 => write(), 1 => key()]
}

fn plain() -> impl Strategy<Value = Step> {
    prop_oneof![4 => write(), 1 => prop::sample::select(&KEYS).prop_map(|key| Step::SetKey(key, "p".to_owned()))]
}

fn key() -> impl Strategy<Value = Step> {
    let key = || prop::sample::select(&KEYS);
    prop_oneof![
        key().prop_map(Step::Keys),
        (key(), 0..3_u8).prop_map(|(key, value)| Step::SetKey(key, value.to_string())),
        (0..3_u8).prop_map(|number| Step::Send(number.to_string())),
    ]
}

fn collection() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("a"), 1 => Just("b")]
}

fn filter() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..5_u8).prop_map(|id| format!(r#"{{"_id":"{id}"}}"#)),
        (0..4_u8).prop_map(|n| format!(r#"{{"n":{n}}}"#)),
        (0..4_u8).prop_map(|n| format!(r#"{{"n":{{"$gte":{n}}}}}"#)),
        (0..3_u8).prop_map(|m| format!(r#"{{"m":{m}}}"#)),
        Just(r#"{"n":{"$in":[0,2]}}"#.to_owned()),
        Just("{}".to_owned()),
    ]
}

fn read() -> impl Strategy<Value = Step> {
    let sorts = prop::sample::select(&[
        r#"[["n",1],["_id",1]]"#,
        r#"[["n",-1],["_id",-1]]"#,
        r#"[["m",1],["_id",1]]"#,
    ]);
    let find = (filter(), sorts, 0..3_u64, 1..4_u64).prop_map(|(filter, sort, skip, limit)| {
        Read::Find(Find { sort: Some(sort.to_owned()), skip, limit: Some(limit), ..Find::new(filter) })
    });
    let read = prop_oneof![
        (0..5_u8).prop_map(|id| get(&id.to_string())),
        find,
        (filter(), prop::option::of(1..3_u64)).prop_map(|(filter, limit)| Read::Count { filter, limit }),
        filter().prop_map(|filter| Read::Distinct { field: "m".to_owned(), filter }),
    ];
    (collection(), read).prop_map(|(collection, read)| Step::Read(collection, read))
}

fn write() -> impl Strategy<Value = Step> {
    let update = prop::sample::select(&[r#"{"$inc":{"n":1}}"#, r#"{"$set":{"m":1}}"#, r#"{"$mul":{"n":2}}"#]);
    let first = |filter| Target { sort: Some(r#"[["n",1],["_id",1]]"#.to_owned()), ..Target::one(filter) };
    let write = prop_oneof![
        3 => (0..5_u8, 0..4_u8, 0..3_u8).prop_map(|(id, n, m)| insert(&format!(r#"{{"_id":"{id}","n":{n},"m":{m}}}"#))),
        2 => (filter(), update.clone()).prop_map(|(filter, change)| super::update(&filter, change)),
        2 => (filter(), update.clone()).prop_map(move |(filter, update)| {
            Write::Update { target: first(filter), update: update.to_owned(), upsert: false }
        }),
        1 => (0..5_u8, update.clone()).prop_map(|(id, update)| Write::Update {
            target: Target::one(format!(r#"{{"_id":"{id}"}}"#)),
            update: update.to_owned(),
            upsert: true,
        }),
        1 => filter().prop_map(|filter| Write::Delete(Target::many(filter))),
        1 => filter().prop_map(move |filter| Write::Delete(first(filter))),
        1 => (filter(), update).prop_map(|(filter, update)| Write::FindAndModify(FindAndModify {
            filter,
            sort: Some(r#"[["n",-1],["_id",1]]"#.to_owned()),
            change: Change::Update(update.to_owned()),
            returning: Returning::After,
            upsert: false,
            fields: None,
        })),
    ];
    (collection(), write).prop_map(|(collection, write)| Step::Write(collection, write))
}

/// What was done, and what it answered.
#[derive(Clone, Debug)]
enum Done {
    Transaction(Vec<(Step, String)>),
    Plain(Step, String),
}

/// A transaction on its way.
struct Running {
    open: Option<Box<dyn Transaction>>,
    script: std::vec::IntoIter<Step>,
    done: Vec<(Step, String)>,
}

async fn compare(scripts: Vec<Vec<Step>>, turns: Vec<Turn>) {
    let folder = scratch();
    let bench = bench_in(folder.path(), 1 << 30).await;
    bench.declare(project(2)).await;
    let begin = [r#"{"_id":"0","n":0,"m":0}"#, r#"{"_id":"1","n":1,"m":1}"#, r#"{"_id":"2","n":2,"m":0}"#];
    for owner in [project(1), project(2)] {
        let all = begin.map(str::to_owned).to_vec();
        bench.documents.write(owner, "a", Write::Insert(all)).await.unwrap();
    }
    let mut running: Vec<Running> = Vec::new();
    for script in scripts {
        running.push(Running { open: None, script: script.into_iter(), done: Vec::new() });
    }
    let mut order = Vec::new();
    // All come to their end.
    let rest = (0..TRANSACTIONS).flat_map(|of| vec![Turn::Of(of); 8]);
    for turn in turns.into_iter().chain(rest) {
        match turn {
            Turn::Plain(step) => {
                let answer = plainly(&bench, project(1), &step).await;
                order.push(Done::Plain(step, answer));
            }
            Turn::Of(which) => {
                if let Some(done) = proceed(&bench, which, &mut running[which]).await {
                    order.push(Done::Transaction(done));
                }
            }
        }
    }
    drop(running);
    for done in order {
        match done {
            Done::Plain(step, answer) => {
                assert_eq!(plainly(&bench, project(2), &step).await, answer, "{step:?}");
            }
            Done::Transaction(steps) => {
                let mut open = bench.transactions.begin(project(2)).await.unwrap();
                for (step, answer) in steps {
                    assert_eq!(call(&mut *open, &step).await, answer, "{step:?}");
                }
                open.commit().await.unwrap();
            }
        }
    }
    assert_eq!(state(&bench, project(1)).await, state(&bench, project(2)).await);
}

/// One call more, or the end; what it did if it was committed now.
async fn proceed(bench: &Bench, which: usize, running: &mut Running) -> Option<Vec<(Step, String)>> {
    if running.open.is_none() && running.done.is_empty() {
        // Each writes something: one that only reads comes where it began.
        let mut open = bench.begin().await;
        let first = Step::SetKey(["t0", "t1", "t2"][which], "written".to_owned());
        let answer = call(&mut *open, &first).await;
        running.done.push((first, answer));
        running.open = Some(open);
        return None;
    }
    let open = running.open.as_mut()?;
    if let Some(step) = running.script.next() {
        let answer = call(&mut **open, &step).await;
        running.done.push((step, answer));
        return None;
    }
    match running.open.take()?.commit().await {
        Ok(_) => Some(running.done.clone()),
        Err(Failure::Conflict | Failure::Duplicate { .. }) => None,
        Err(other) => panic!("{other:?}"),
    }
}

async fn call(open: &mut dyn Transaction, step: &Step) -> String {
    match step {
        Step::Read(collection, read) => match open.read(collection, read.clone()).await {
            // A cursor is of its project.
            Ok(Found::Page(page)) => format!("{:?}, more: {}", page.documents, page.cursor.is_some()),
            other => format!("{other:?}"),
        },
        Step::Write(collection, write) => format!("{:?}", open.write(collection, write.clone()).await),
        Step::Keys(key) => format!("{:?}", open.keys("k", &[(*key).to_owned()]).await),
        Step::SetKey(key, value) => format!("{:?}", open.write_keys("k", vec![set(key, value)]).await),
        Step::Send(body) => format!("{:?}", open.enqueue(vec![message(body)]).await),
    }
}

async fn plainly(bench: &Bench, owner: ProjectId, step: &Step) -> String {
    match step {
        Step::Write(collection, write) => {
            format!("{:?}", bench.documents.write(owner, collection, write.clone()).await)
        }
        Step::SetKey(key, value) => format!("{:?}", bench.kv.write(owner, "k", vec![set(key, value)]).await),
        other => panic!("{other:?}"),
    }
}

/// All that there is, and that what is counted is what is there.
async fn state(bench: &Bench, owner: ProjectId) -> (Vec<Vec<String>>, String, Vec<String>, String) {
    let mut all = Vec::new();
    for collection in ["a", "b"] {
        for filter in ["{}", r#"{"n":{"$gte":0}}"#] {
            all.push(page(bench.documents.read(owner, collection, find(filter)).await));
        }
    }
    let keys: Vec<String> = ["x", "y", "t0", "t1", "t2"].map(str::to_owned).to_vec();
    let keys = bench.kv.get(owner, "k", &keys).await.unwrap();
    let keys: Vec<_> = keys.into_iter().map(|found| found.map(|found| found.value)).collect();
    let mut messages = bench.messages(owner).await;
    messages.sort();
    let counted = bench.documents.collections(owner).await.unwrap();
    for (info, documents) in counted.iter().zip([all[0].len(), all[2].len()]) {
        assert_eq!(info.documents, documents as u64);
    }
    (all, format!("{keys:?}"), messages, format!("{counted:?}"))
}
