//! Pages: nothing twice, nothing left out, whatever is written in between.

use super::Opener;
use super::bench::{Bench, assert_invalid, id, index};
use crate::documents::{Find, IndexSpec, MAX_ANSWER_BYTES, Page, Result, Target};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    let sorts =
        [None, Some(r#"{"n":1}"#), Some(r#"{"n":-1}"#), Some(r#"{"m":1,"n":-1}"#), Some(r#"{"m":-1}"#)];
    let indexes = [vec![], vec![index(&["n"])], vec![index(&["m", "n"])]];
    for sort in sorts {
        for filter in ["{}", r#"{"n":{"$gte":0}}"#, r#"{"m":{"$in":[0,1,2]}}"#, r#"{"m":1}"#] {
            for indexes in &indexes {
                written_in_between(opener, filter, sort, indexes).await?;
            }
        }
    }
    indexes_that_come_and_go(opener).await?;
    large_documents(opener).await?;
    foreign_cursors(opener).await
}

/// Twenty documents: `n` is 0 to 19, `m` is 0, 1 or 2.
async fn fill(bench: &Bench<'_>) -> Result<()> {
    let all: Vec<String> = (0..20).map(|n| format!(r#"{{"_id":"{n:02}","n":{n},"m":{}}}"#, n % 3)).collect();
    bench.insert(&all.iter().map(String::as_str).collect::<Vec<_>>()).await.map(drop)
}

fn find(filter: &str, sort: Option<&str>, cursor: Option<String>) -> Find {
    Find { sort: sort.map(str::to_owned), limit: Some(3), cursor, ..Find::new(filter) }
}

/// What was there from beginning to end comes once; what is put in or taken away may come or not.
async fn written_in_between(
    opener: &Opener<'_>,
    filter: &str,
    sort: Option<&str>,
    indexes: &[IndexSpec],
) -> Result<()> {
    let bench = opener.bench().await?;
    bench.declare(indexes).await?;
    fill(&bench).await?;
    let before = bench.ids(filter, sort).await?;
    let (mut seen, mut cursor, mut turn) = (Vec::new(), None, 0);
    loop {
        let page = bench.page(find(filter, sort, cursor)).await?;
        seen.extend(page.documents.iter().map(|document| id(document)));
        let Some(next) = page.cursor else { break };
        cursor = Some(next);
        // The document where the page ended goes, another is changed, and others come on both sides.
        let last = seen.last().cloned().unwrap_or_default();
        bench.delete(Target::one(format!(r#"{{"_id":"{last}"}}"#))).await?;
        bench.insert(&[&format!(r#"{{"_id":"low{turn}","n":-1,"m":0}}"#)]).await?;
        bench.insert(&[&format!(r#"{{"_id":"high{turn}","n":99,"m":2}}"#)]).await?;
        bench.update(Target::many("{}"), r#"{"$inc":{"seen":1}}"#).await?;
        turn += 1;
        assert!(turn < 50, "{filter} {sort:?}: there is an end");
    }
    let seen: Vec<String> = seen.into_iter().filter(|id| id.len() == 2).collect();
    assert_eq!(seen, before, "{filter} {sort:?} {indexes:?}");
    Ok(())
}

/// The order of the pages stays, whatever finds the documents.
async fn indexes_that_come_and_go(opener: &Opener<'_>) -> Result<()> {
    for sort in [None, Some(r#"{"m":1}"#), Some(r#"{"m":-1}"#)] {
        for (first, then) in [(vec![], vec![index(&["m", "n"])]), (vec![index(&["m", "n"])], vec![])] {
            let bench = opener.bench().await?;
            bench.declare(&first).await?;
            fill(&bench).await?;
            let filter = r#"{"m":{"$gte":0}}"#;
            let all = bench.pages(filter, sort, 100).await?;
            let page = bench.page(find(filter, sort, None)).await?;
            bench.declare(&then).await?;
            let mut seen = page.documents;
            let mut cursor = page.cursor;
            while cursor.is_some() {
                let page: Page = bench.page(find(filter, sort, cursor)).await?;
                seen.extend(page.documents);
                cursor = page.cursor;
            }
            assert_eq!(seen, all, "{sort:?} {first:?}");
        }
    }
    // An array that comes makes the index one that documents can't be walked by.
    let bench = opener.bench().await?;
    bench.declare(&[index(&["n"])]).await?;
    fill(&bench).await?;
    let page = bench.page(find(r#"{"n":{"$gte":0}}"#, None, None)).await?;
    bench.insert(&[r#"{"_id":"array","n":[1,5,30]}"#]).await?;
    let (mut seen, mut cursor) = (page.documents, page.cursor);
    while cursor.is_some() {
        let page = bench.page(find(r#"{"n":{"$gte":0}}"#, None, cursor)).await?;
        seen.extend(page.documents);
        cursor = page.cursor;
    }
    let seen: Vec<String> = seen.iter().map(|document| id(document)).filter(|id| id.len() == 2).collect();
    assert_eq!(seen, (0..20).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    Ok(())
}

/// A page ends before it is too long.
async fn large_documents(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let text = "x".repeat(1_000_000);
    for n in 0..10 {
        bench.insert(&[&format!(r#"{{"_id":"{n}","t":"{text}"}}"#)]).await?;
    }
    let page = bench.page(Find::new("{}")).await?;
    assert_eq!(page.documents.len(), MAX_ANSWER_BYTES / 1_000_000);
    let rest = bench.page(Find { cursor: page.cursor, ..Find::new("{}") }).await?;
    assert_eq!((rest.documents.len(), rest.cursor), (2, None));
    let fields = Some(r#"{"_id":1}"#.to_owned());
    let small = bench.page(Find { fields, ..Find::new("{}") }).await?;
    assert_eq!((small.documents.len(), small.cursor), (10, None));
    Ok(())
}

/// A cursor goes with its question.
async fn foreign_cursors(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    fill(&bench).await?;
    let (filter, sort) = (r#"{"n":{"$gte":0}}"#, Some(r#"{"n":1}"#));
    let cursor = bench.page(find(filter, sort, None)).await?.cursor.unwrap_or_default();
    bench.page(find(filter, sort, Some(cursor.clone()))).await?;
    let told = "the cursor is none of this collection, filter and sort";
    assert_invalid(bench.page(find("{}", sort, Some(cursor.clone()))).await, told);
    assert_invalid(bench.page(find(filter, None, Some(cursor.clone()))).await, told);
    assert_invalid(bench.page(find(filter, Some(r#"{"n":-1}"#), Some(cursor.clone()))).await, told);
    for cut in [0, 1, 10, 22, cursor.len() - 1] {
        assert_invalid(bench.page(find(filter, sort, Some(cursor[..cut].to_owned()))).await, told);
    }
    for more in ["A", "AAAA", "=", "\0", "é"] {
        assert_invalid(bench.page(find(filter, sort, Some(format!("{cursor}{more}")))).await, told);
    }
    Ok(())
}
