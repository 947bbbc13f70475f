//! Callers from outside: what the rules of a bucket let them see and do.

use bytes::Bytes;

use super::Opener;
use super::bench::{Bench, all_of, at, done, owned};
use crate::StoreError;
use crate::buckets::{
    Announced, Attributes, Condition, Info, Metadata, Open, Outcome, Page, Place, Result, RuledCopy, Rules,
    Wanted,
};
use crate::documents::Caller;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    c9_without_rules_nothing_is_open(opener.bench().await?).await?;
    c9_everyone_has_their_own(opener.bench().await?).await?;
    c9_what_is_not_seen_is_not_there(opener.bench().await?).await?;
    c9_conditions_tell_nothing(opener.bench().await?).await?;
    c9_pages_are_of_what_is_seen(opener.bench().await?).await?;
    c9_an_object_keeps_its_owner(opener.bench().await?).await?;
    c9_what_it_becomes_is_asked(opener.bench().await?).await?;
    c9_copies_are_of_what_is_seen(opener.bench().await?).await?;
    c9_copies_are_what_may_be_put(opener.bench().await?).await?;
    rules_are_set_and_kept(opener.bench().await?).await
}

fn somebody(name: &str) -> Caller {
    Caller { user: Some(name.to_owned()), ..Caller::default() }
}

fn rules(read: &str, create: &str, update: &str, delete: &str) -> Rules {
    let [read, create, update, delete] = [read, create, update, delete].map(|rule| Some(rule.to_owned()));
    Rules { read, create, update, delete }
}

/// What people write who want that everyone has their own.
fn own() -> Rules {
    rules("owner == auth.user", "auth.user != null", "owner == auth.user", "owner == auth.user")
}

fn announced(text: &str) -> Announced {
    Announced { size: Some(text.len() as u64), ..Announced::default() }
}

impl Bench<'_> {
    async fn ruled(self, rules: Rules) -> Result<Self> {
        self.store.0.set_rules(self.project, &[("a".to_owned(), rules)]).await?;
        Ok(self)
    }

    async fn put_as(&self, caller: &Caller, key: &str, text: &str) -> Result<Info> {
        Ok(done(self.put_so(caller, key, text, announced(text)).await?))
    }

    async fn put_so(&self, caller: &Caller, key: &str, text: &str, announced: Announced) -> Result<Outcome> {
        let (attributes, condition) = (announced.attributes.clone(), announced.condition.clone());
        let upload = self.store.2.upload_as(self.project, caller, at("a", key), announced).await?;
        let Some(mut upload) = upload else { return Ok(Outcome::Lost) };
        upload.write(Bytes::copy_from_slice(text.as_bytes())).await?;
        upload.finish(attributes, condition).await
    }

    /// What a caller is given for a key: by `get` and `head` alike.
    async fn text_as(&self, caller: &Caller, key: &str) -> Result<Option<String>> {
        let head = self.store.2.head_as(self.project, caller, at("a", key)).await?;
        let found = self.store.2.get_as(self.project, caller, at("a", key)).await?;
        assert_eq!(head, found.as_ref().map(|found| found.info.clone()));
        let Some(mut found) = found else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(&all_of(found.content.as_mut()).await?).into_owned()))
    }

    async fn page_as(&self, caller: &Caller, wanted: Wanted<'_>) -> Result<Page> {
        self.store.2.list_as(self.project, caller, "a", wanted).await
    }

    async fn keys_as(&self, caller: &Caller) -> Result<Vec<String>> {
        let page = self.page_as(caller, Wanted { prefix: "", after: None, limit: 1_000 }).await?;
        assert!(!page.has_more);
        Ok(page.objects.into_iter().map(|object| object.key).collect())
    }

    /// A copy whose original that caller has to see, and that is put by that one.
    async fn copy_as(
        &self,
        (seen_by, from): (Option<&Caller>, Place<'_>),
        (put_by, to): (Option<&Caller>, Place<'_>),
        condition: Condition,
    ) -> Result<Outcome> {
        let copy = RuledCopy { from, seen_by, to, put_by, attributes: None, condition };
        self.store.2.copy_as(self.project, copy).await
    }

    async fn delete_as(&self, caller: &Caller, key: &str, condition: Condition) -> Result<Outcome> {
        self.store.2.delete_as(self.project, caller, at("a", key), condition).await
    }
}

#[track_caller]
fn forbidden<T: std::fmt::Debug>(result: &Result<T>) {
    assert!(matches!(result, Err(StoreError::Forbidden)), "{result:?}");
}

async fn c9_without_rules_nothing_is_open(bench: Bench<'_>) -> Result<()> {
    let ann = somebody("ann");
    bench.put("k", "text").await?;
    for bucket in ["a", "b", "none"] {
        let open = bench.store.2.open_to(bench.project, &ann, bucket).await?;
        assert_eq!(open, Open { read: false, put: false, delete: false });
        for key in ["k", "other"] {
            let (store, place) = (&bench.store.2, at(bucket, key));
            forbidden(&store.head_as(bench.project, &ann, place).await);
            forbidden(&store.get_as(bench.project, &ann, place).await);
            forbidden(&store.delete_as(bench.project, &ann, place, Condition::Always).await);
            forbidden(&store.upload_as(bench.project, &ann, place, announced("x")).await.map(|_| ()));
        }
        let wanted = Wanted { prefix: "", after: None, limit: 10 };
        forbidden(&bench.store.2.list_as(bench.project, &ann, bucket, wanted).await);
    }
    assert_eq!(bench.text("k").await?.as_deref(), Some("text"));
    Ok(())
}

async fn c9_everyone_has_their_own(bench: Bench<'_>) -> Result<()> {
    let bench = bench.ruled(own()).await?;
    let (ann, bob, nobody) = (somebody("ann"), somebody("bob"), Caller::default());
    let info = bench.put_as(&ann, "ann/1", "hers").await?;
    assert_eq!(info.attributes.owner.as_deref(), Some("ann"));
    bench.put_as(&bob, "bob/1", "his").await?;
    bench.put("functions", "theirs").await?;
    forbidden(&bench.put_as(&nobody, "new", "x").await);
    assert_eq!(bench.keys_as(&ann).await?, ["ann/1"]);
    assert_eq!(bench.keys_as(&bob).await?, ["bob/1"]);
    forbidden(&bench.keys_as(&nobody).await);
    assert_eq!(bench.text_as(&ann, "ann/1").await?.as_deref(), Some("hers"));
    let deleted = bench.delete_as(&ann, "ann/1", Condition::Always).await?;
    assert_eq!(deleted, Outcome::Done(info));
    assert_eq!(bench.keys().await?, ["bob/1", "functions"]);
    Ok(())
}

async fn c9_what_is_not_seen_is_not_there(bench: Bench<'_>) -> Result<()> {
    let bench = bench.ruled(own()).await?;
    let (ann, bob) = (somebody("ann"), somebody("bob"));
    bench.put_as(&ann, "hers", "text").await?;
    bench.put("functions", "text").await?;
    for key in ["hers", "functions", "none"] {
        assert_eq!(bench.text_as(&bob, key).await?, None);
        assert_eq!(bench.delete_as(&bob, key, Condition::Always).await?, Outcome::Missing);
        assert_eq!(bench.delete_as(&bob, key, Condition::IfPresent).await?, Outcome::Lost);
    }
    for key in ["hers", "functions"] {
        forbidden(&bench.put_as(&bob, key, "x").await);
        // Also where it is known only at the end.
        forbidden(&bench.put_so(&bob, key, "x", Announced::default()).await);
        assert_eq!(bench.text(key).await?.as_deref(), Some("text"));
    }
    Ok(())
}

async fn c9_conditions_tell_nothing(bench: Bench<'_>) -> Result<()> {
    let bench = bench.ruled(own()).await?;
    let (ann, bob) = (somebody("ann"), somebody("bob"));
    let etag = bench.put_as(&ann, "hers", "text").await?.etag;
    for size in [None, Some(1)] {
        for condition in [Condition::IfPresent, Condition::IfMatch(vec![etag.clone()])] {
            for key in ["hers", "none"] {
                let announced = Announced { condition: condition.clone(), size, ..Announced::default() };
                assert_eq!(bench.put_so(&bob, key, "x", announced).await?, Outcome::Lost);
            }
        }
        let announced = Announced { condition: Condition::IfAbsent, size, ..Announced::default() };
        forbidden(&bench.put_so(&bob, "hers", "x", announced).await);
    }
    assert_eq!(bench.text("hers").await?.as_deref(), Some("text"));
    Ok(())
}

async fn c9_pages_are_of_what_is_seen(bench: Bench<'_>) -> Result<()> {
    let (ann, bob) = (somebody("ann"), somebody("bob"));
    // Found by the owner, and one by one.
    for read in ["owner == auth.user", "owner == auth.user || metadata.x == 'never'"] {
        let mut own = own();
        own.read = Some(read.to_owned());
        bench.store.0.set_rules(bench.project, &[("a".to_owned(), own)]).await?;
        for number in 0..4 {
            bench.put_as(&ann, &format!("p/{number}"), "hers").await?;
            bench.put_as(&bob, &format!("p/{number}x"), "his").await?;
        }
        bench.put_as(&ann, "q", "hers").await?;
        let page = async |after: Option<&str>, limit| {
            let page = bench.page_as(&ann, Wanted { prefix: "p/", after, limit }).await?;
            let keys: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
            Ok::<_, StoreError>((keys, page.has_more))
        };
        assert_eq!(page(None, 3).await?, (owned(&["p/0", "p/1", "p/2"]), true), "{read}");
        assert_eq!(page(Some("p/2"), 3).await?, (owned(&["p/3"]), false), "{read}");
        // Another one's key is as good as any text.
        assert_eq!(page(Some("p/2x"), 1).await?, (owned(&["p/3"]), false), "{read}");
        assert_eq!(page(Some("p/3"), 1).await?, (Vec::new(), false), "{read}: what is behind is another's");
    }
    Ok(())
}

async fn c9_an_object_keeps_its_owner(bench: Bench<'_>) -> Result<()> {
    let bench = bench.ruled(rules("true", "true", "true", "true")).await?;
    let (ann, bob, nobody) = (somebody("ann"), somebody("bob"), Caller::default());
    let claimed = Attributes { owner: Some("bob".to_owned()), ..Attributes::default() };
    let announced = Announced { attributes: claimed.clone(), ..Announced::default() };
    let info = done(bench.put_so(&ann, "k", "hers", announced).await?);
    assert_eq!(info.attributes.owner.as_deref(), Some("ann"), "what a caller claims is not asked");
    let info = bench.put_as(&bob, "k", "changed").await?;
    assert_eq!(info.attributes.owner.as_deref(), Some("ann"));
    assert_eq!(bench.put_as(&nobody, "free", "x").await?.attributes.owner, None);
    assert_eq!(bench.put_as(&ann, "free", "x").await?.attributes.owner, None, "it was nobody's");
    // Functions give objects to whom they like.
    let mut upload = bench.upload("given").await?;
    upload.write(Bytes::from_static(b"x")).await?;
    assert_eq!(
        done(upload.finish(claimed, Condition::Always).await?).attributes.owner.as_deref(),
        Some("bob")
    );
    let copied = done(bench.copy(at("a", "given"), at("b", "copy")).await?);
    assert_eq!(copied.attributes.owner.as_deref(), Some("bob"));
    assert_eq!(bench.put("given", "x").await?.attributes.owner, None);
    Ok(())
}

async fn c9_what_it_becomes_is_asked(bench: Bench<'_>) -> Result<()> {
    let create = "size < 5 && content_type == 'text/plain' && metadata.kind == null && key != 'no'";
    let update = "request.data.size >= size && request.data.content_type == content_type";
    let bench = bench.ruled(rules("true", create, update, "size > 3 && request.data == null")).await?;
    let ann = somebody("ann");
    let of = |content_type: &str, size: Option<u64>| Announced {
        attributes: Attributes { content_type: content_type.to_owned(), ..Attributes::default() },
        size,
        ..Announced::default()
    };
    let put = async |key: &str, text: &'static str, content_type: &str| {
        let known = bench.put_so(&ann, key, text, of(content_type, Some(text.len() as u64))).await;
        let unknown = bench.put_so(&ann, key, text, of(content_type, None)).await;
        match (known, unknown) {
            (Err(StoreError::Forbidden), Err(StoreError::Forbidden)) => false,
            (Ok(Outcome::Done(_)), Ok(Outcome::Done(_))) => true,
            (known, unknown) => panic!("{known:?}, {unknown:?}"),
        }
    };
    assert!(!put("k", "12345", "text/plain").await);
    assert!(!put("k", "123", "text/html").await);
    assert!(!put("no", "123", "text/plain").await);
    let kind = Metadata::from([("kind".to_owned(), "x".to_owned())]);
    let mut marked = of("text/plain", Some(1));
    marked.attributes.metadata = kind;
    forbidden(&bench.put_so(&ann, "k", "1", marked).await);
    assert!(put("k", "123", "text/plain").await);
    assert!(!put("k", "12", "text/plain").await);
    assert!(!put("k", "1234", "").await);
    forbidden(&bench.delete_as(&ann, "k", Condition::Always).await);
    assert!(put("k", "1234567", "text/plain").await);
    assert!(matches!(bench.delete_as(&ann, "k", Condition::Always).await?, Outcome::Done(_)));
    Ok(())
}

async fn c9_copies_are_of_what_is_seen(bench: Bench<'_>) -> Result<()> {
    let bench = bench.ruled(own()).await?;
    let (ann, bob, nobody) = (somebody("ann"), somebody("bob"), Caller::default());
    let hers = bench.put_as(&ann, "hers", "text").await?;
    bench.put("functions", "text").await?;
    for key in ["hers", "functions", "none"] {
        for put_by in [Some(&bob), None] {
            let copied =
                bench.copy_as((Some(&bob), at("a", key)), (put_by, at("a", "new")), Condition::Always);
            assert_eq!(copied.await?, Outcome::Missing, "{key}");
        }
        // Under a key that is another one's there is nothing to be learnt either.
        let onto =
            bench.copy_as((Some(&bob), at("a", key)), (Some(&bob), at("a", "hers")), Condition::Always);
        assert_eq!(onto.await?, Outcome::Missing, "{key}");
    }
    for (caller, bucket) in [(&nobody, "a"), (&bob, "b"), (&bob, "none")] {
        let copied =
            bench.copy_as((Some(caller), at(bucket, "hers")), (None, at("a", "new")), Condition::Always);
        forbidden(&copied.await);
    }
    // What a function puts somewhere else for whoever sees it stays its owner's.
    let kept = bench.copy_as((Some(&ann), at("a", "hers")), (None, at("b", "kept")), Condition::Always);
    assert_eq!(done(kept.await?).attributes.owner, hers.attributes.owner);
    assert_eq!(bench.keys().await?, ["functions", "hers"]);
    Ok(())
}

async fn c9_copies_are_what_may_be_put(bench: Bench<'_>) -> Result<()> {
    let mut own = own();
    own.create = Some("auth.user != null && size < 5".to_owned());
    let bench = bench.ruled(own).await?;
    let (ann, bob, nobody) = (somebody("ann"), somebody("bob"), Caller::default());
    bench.put_as(&ann, "hers", "text").await?;
    bench.put("large", "large text").await?;
    bench.put("form", "form").await?;
    let put = async |from: &str, (caller, to): (&Caller, Place<'_>), condition| {
        bench.copy_as((None, at("a", from)), (Some(caller), to), condition).await
    };
    // The copy is whose it is that puts it, whosever the original is.
    let his = done(put("form", (&bob, at("a", "his")), Condition::Always).await?);
    assert_eq!(his.attributes.owner.as_deref(), Some("bob"));
    let again = done(put("hers", (&bob, at("a", "his")), Condition::IfMatch(vec![his.etag])).await?);
    assert_eq!(again.attributes.owner.as_deref(), Some("bob"));
    for (from, caller, to) in [
        ("form", &bob, at("a", "hers")),
        ("form", &nobody, at("a", "free")),
        ("form", &bob, at("b", "free")),
        ("form", &bob, at("none", "free")),
        ("large", &bob, at("a", "free")),
    ] {
        forbidden(&put(from, (caller, to), Condition::Always).await);
    }
    assert_eq!(put("form", (&bob, at("a", "hers")), Condition::IfPresent).await?, Outcome::Lost);
    assert_eq!(put("form", (&bob, at("a", "his")), Condition::IfAbsent).await?, Outcome::Lost);
    assert_eq!(bench.text("hers").await?.as_deref(), Some("text"));
    assert_eq!(bench.keys().await?, ["form", "hers", "his", "large"]);
    Ok(())
}

async fn rules_are_set_and_kept(bench: Bench<'_>) -> Result<()> {
    let ann = somebody("ann");
    let bench = bench.ruled(own()).await?;
    bench.store.0.declare(bench.project, &owned(&["a"])).await?;
    let bench = bench.reopen().await?;
    bench.put_as(&ann, "k", "text").await?;
    let both = [("b".to_owned(), own()), ("none".to_owned(), own())];
    let refused = bench.store.0.set_rules(bench.project, &both).await;
    assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
    let open = bench.store.2.open_to(bench.project, &ann, "b").await?;
    assert_eq!(open, Open { read: false, put: false, delete: false }, "none of them was set");
    let bench = bench.ruled(Rules::default()).await?;
    forbidden(&bench.keys_as(&ann).await);
    assert_eq!(bench.text("k").await?.as_deref(), Some("text"));
    Ok(())
}
