//! Two projects, and two collections, never see each other's.

use super::Opener;
use super::bench::{assert_invalid, index, project, spec};
use crate::documents::{Failure, Find, Found, Read, Result, Target, Write, Written};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let (mine, other) = (project(1), project(2));
    let indexes = [index(&["n"])];
    for owner in [mine, other] {
        bench.documents.declare(owner, &[spec("a", &indexes), spec("b", &indexes)]).await?;
    }
    let all = [(mine, "a", 5), (mine, "b", 4), (other, "a", 3), (other, "b", 2)];
    for (owner, name, count) in all {
        let documents = (0..count).map(|n| format!(r#"{{"_id":"{n}","n":{n},"of":"{}{name}"}}"#, owner.0));
        bench.documents.write(owner, name, Write::Insert(documents.collect())).await?;
    }
    let mut cursors = Vec::new();
    for (owner, name, count) in all {
        let find = Find { limit: Some(1), ..Find::new("{}") };
        let Found::Page(page) = bench.documents.read(owner, name, Read::Find(find)).await? else {
            panic!("{name}")
        };
        assert!(page.documents[0].contains(&format!("{}{name}", owner.0)), "{page:?}");
        cursors.extend(page.cursor);
        let counted =
            bench.documents.read(owner, name, Read::Count { filter: "{}".to_owned(), limit: None }).await?;
        assert_eq!(counted, Found::Count(count));
    }
    // Threat C7: the cursor of another project or collection is no better than none.
    for (owner, name, _) in all {
        let mut good = 0;
        for cursor in &cursors {
            let find = Find { cursor: Some(cursor.clone()), ..Find::new("{}") };
            match bench.documents.read(owner, name, Read::Find(find)).await {
                Ok(_) => good += 1,
                refused => assert_invalid(refused, "the cursor is none of this collection"),
            }
        }
        assert_eq!(good, 1);
    }
    let deleted = bench.documents.write(mine, "a", Write::Delete(Target::many("{}"))).await?;
    assert_eq!(deleted, Written::Deleted(5));
    for (owner, name, count) in &all[1..] {
        let counted = bench.documents.read(
            *owner,
            name,
            Read::Count { filter: r#"{"n":{"$gte":0}}"#.to_owned(), limit: None },
        );
        assert_eq!(counted.await?, Found::Count(*count));
    }
    let none = bench.documents.read(project(3), "a", Read::Find(Find::new("{}"))).await;
    assert!(matches!(none, Err(Failure::NoCollection(_))), "{none:?}");
    Ok(())
}
