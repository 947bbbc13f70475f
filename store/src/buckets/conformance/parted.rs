//! Uploads in parts: whose they are, what breaks them and what does not.

use bytes::Bytes;

use super::Opener;
use super::bench::{Bench, all_of, at, full, noise, owned};
use crate::StoreError;
use crate::buckets::{
    Announced, Attributes, BLOCK_BYTES, Condition, Info, Joint, MAX_FINISHED_OF_ACCOUNT,
    MAX_UNFINISHED_OF_ACCOUNT, MAX_UNFINISHED_WITHOUT_NAME, PART_WAIT_MS, Part, Progress, Result, Rules,
};
use crate::documents::Caller;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    parts_become_an_object(opener.bench().await?).await?;
    c9_an_upload_is_whose_it_is(opener.bench().await?).await?;
    c9_rules_are_asked_at_both_ends(opener.bench().await?).await?;
    what_broke_goes_on(opener.bench().await?).await?;
    the_last_part_that_comes_has_it(opener.bench().await?).await?;
    what_nobody_goes_on_with_is_gone(opener.bench_with(1 << 20).await?).await?;
    a_part_that_has_begun_is_not_too_old(opener.bench_with(1 << 20).await?).await?;
    what_fits_is_kept(opener.bench_with(4 << 20).await?).await?;
    the_last_part_is_kept_without_room_for_the_object(opener.bench_with(4 << 20).await?).await?;
    an_upload_begins_where_its_object_has_room(opener.bench_with(1_000).await?).await?;
    there_are_so_many(opener.bench_with(1 << 20).await?).await?;
    c5_callers_without_a_name_leave_uploads_for_others(opener.bench().await?).await?;
    c5_callers_without_a_name_leave_room_for_others(opener.bench_with(4 << 20).await?).await?;
    c5_only_bytes_keep_an_upload(opener.bench().await?).await?;
    so_many_are_known_afterwards(opener.bench().await?).await
}

fn ann() -> Caller {
    Caller { user: Some("ann".to_owned()), ..Caller::default() }
}

impl Bench<'_> {
    async fn open_to_all(self) -> Result<Self> {
        self.ruled_by(Some("true")).await?;
        Ok(self)
    }

    async fn ruled_by(&self, create: Option<&str>) -> Result<()> {
        let rule = Some("true".to_owned());
        let create = create.map(str::to_owned);
        let rules = Rules { read: rule.clone(), create, update: rule.clone(), delete: rule };
        self.store.0.set_rules(self.project, &[("a".to_owned(), rules)]).await
    }

    async fn begin(&self, caller: &Caller, key: &str, size: usize) -> Result<String> {
        let attributes = Attributes { content_type: "text/plain".to_owned(), ..Attributes::default() };
        let announced = Announced { attributes, size: Some(size as u64), ..Announced::default() };
        self.store.3.begin(self.project, caller, at("a", key), announced).await
    }

    async fn part(&self, id: &str, offset: usize) -> Result<Box<dyn Part>> {
        match self.store.3.go_on(self.project, &ann(), id, offset as u64).await? {
            Joint::Fits(part) => Ok(part),
            Joint::Elsewhere(received) => panic!("it has {received} bytes, not {offset}"),
        }
    }

    async fn take(&self, id: &str, offset: usize, bytes: Bytes) -> Result<Progress> {
        let mut part = self.part(id, offset).await?;
        part.write(bytes).await?;
        part.keep().await
    }

    async fn received(&self, id: &str) -> Result<u64> {
        Ok(self.store.3.progress(self.project, &ann(), id).await?.received)
    }
}

#[track_caller]
fn missing<T>(result: Result<T>) {
    assert!(matches!(result, Err(StoreError::NotFound { what: "upload" })), "{:?}", result.err());
}

async fn parts_become_an_object(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let all = noise(2 * BLOCK_BYTES + 5_000);
    let whole = bench.put_bytes("whole", all.clone()).await?;
    let id = bench.begin(&ann(), "k", all.len()).await?;
    let ends = [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 7, 2 * BLOCK_BYTES + 4_999];
    let mut begin = 0;
    for end in ends {
        let progress = bench.take(&id, begin, all.slice(begin..end)).await?;
        assert_eq!(progress, Progress { received: end as u64, total: all.len() as u64, etag: None });
        assert_eq!(bench.received(&id).await?, end as u64);
        assert!(bench.head("k").await?.is_none(), "there is nothing before all of it is there");
        begin = end;
    }
    let wrong = bench.store.3.go_on(bench.project, &ann(), &id, 5).await?;
    assert!(matches!(wrong, Joint::Elsewhere(received) if received == begin as u64));
    let last = bench.take(&id, begin, all.slice(begin..)).await?;
    assert_eq!(last.etag.as_ref(), Some(&whole.etag));
    assert_eq!(bench.store.3.progress(bench.project, &ann(), &id).await?, last, "it is known for a while");
    let mut found = bench.store.1.get(bench.project, "a", "k").await?.unwrap();
    let Info { size, attributes, .. } = found.info.clone();
    assert_eq!((size, attributes.content_type.as_str()), (all.len() as u64, "text/plain"));
    assert_eq!(attributes.owner.as_deref(), Some("ann"));
    assert!(all_of(found.content.as_mut()).await? == all);
    let over = bench.store.3.go_on(bench.project, &ann(), &id, all.len() as u64).await?;
    assert!(matches!(over, Joint::Elsewhere(received) if received == all.len() as u64));
    bench.delete("k").await?;
    assert_eq!(bench.reopen().await?.keys().await?, ["whole"]);
    Ok(())
}

async fn c9_an_upload_is_whose_it_is(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let id = bench.begin(&ann(), "k", 4).await?;
    bench.take(&id, 0, Bytes::from_static(b"ab")).await?;
    let (project, parted) = (bench.project, &bench.store.3);
    let bob = Caller { user: Some("bob".to_owned()), ..Caller::default() };
    for (caller, id) in [(&bob, id.as_str()), (&Caller::default(), &id), (&ann(), "none")] {
        missing(parted.progress(project, caller, id).await);
        missing(parted.go_on(project, caller, id, 2).await.map(|_| ()));
        missing(parted.give_up(project, caller, id).await);
    }
    missing(parted.progress(super::bench::project(2), &ann(), &id).await);
    missing(parted.give_up(super::bench::project(2), &ann(), &id).await);
    assert_eq!(bench.received(&id).await?, 2);
    let nobodys = bench.begin(&Caller::default(), "n", 1).await?;
    missing(parted.progress(project, &ann(), &nobodys).await);
    assert_eq!(parted.progress(project, &Caller::default(), &nobodys).await?.received, 0);
    parted.give_up(project, &ann(), &id).await?;
    missing(parted.progress(project, &ann(), &id).await);
    Ok(())
}

async fn c9_rules_are_asked_at_both_ends(bench: Bench<'_>) -> Result<()> {
    bench.ruled_by(Some("size == 4")).await?;
    let refused = bench.begin(&ann(), "k", 5).await;
    assert!(matches!(refused, Err(StoreError::Forbidden)), "{refused:?}");
    let id = bench.begin(&ann(), "k", 4).await?;
    bench.take(&id, 0, Bytes::from_static(b"ab")).await?;
    bench.ruled_by(None).await?;
    let refused = bench.take(&id, 2, Bytes::from_static(b"cd")).await;
    assert!(matches!(refused, Err(StoreError::Forbidden)), "{refused:?}");
    missing(bench.received(&id).await);
    assert_eq!(bench.keys().await?, owned(&[]));
    Ok(())
}

async fn what_broke_goes_on(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let all = noise(BLOCK_BYTES + 100);
    let id = bench.begin(&ann(), "k", all.len()).await?;
    bench.take(&id, 0, all.slice(..50)).await?;
    // The connection breaks, and the server some time later.
    let mut part = bench.part(&id, 50).await?;
    part.write(all.slice(50..BLOCK_BYTES + 10)).await?;
    assert_eq!(part.left(), 90);
    drop(part);
    while bench.received(&id).await? == 50 {
        tokio::task::yield_now().await;
    }
    let bench = bench.reopen().await?;
    let received = bench.received(&id).await? as usize;
    assert_eq!(received, BLOCK_BYTES + 10);
    let done = bench.take(&id, received, all.slice(received..)).await?;
    assert_eq!(done.etag, Some(bench.put_bytes("whole", all).await?.etag));
    Ok(())
}

async fn the_last_part_that_comes_has_it(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let id = bench.begin(&ann(), "k", 6).await?;
    let mut old = bench.part(&id, 0).await?;
    old.write(Bytes::from_static(b"xx")).await?;
    let mut new = bench.part(&id, 0).await?;
    assert!(old.keep().await.is_err(), "another one has come");
    new.write(Bytes::from_static(b"abcdef")).await?;
    assert!(new.write(Bytes::from_static(b"g")).await.is_err(), "it lacks nothing");
    assert_eq!(new.keep().await?.received, 6);
    assert_eq!(bench.text("k").await?.as_deref(), Some("abcdef"));
    Ok(())
}

async fn what_nobody_goes_on_with_is_gone(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let most = noise(1_000_000);
    let id = bench.begin(&ann(), "k", most.len()).await?;
    bench.take(&id, 0, most.slice(..900_000)).await?;
    // What has come counts.
    assert!(full(bench.put_bytes("other", most.clone()).await).contains("space"));
    bench.clock.turn(PART_WAIT_MS - 1);
    assert_eq!(bench.received(&id).await?, 900_000);
    bench.clock.turn(1);
    missing(bench.received(&id).await);
    bench.put_bytes("other", most).await?;
    Ok(())
}

async fn a_part_that_has_begun_is_not_too_old(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let id = bench.begin(&ann(), "k", 4).await?;
    bench.take(&id, 0, Bytes::from_static(b"ab")).await?;
    bench.clock.turn(PART_WAIT_MS - 1);
    let mut part = bench.part(&id, 2).await?;
    bench.clock.turn(1);
    // Whoever begins one has what is too old swept away.
    bench.begin(&ann(), "other", 1).await?;
    bench.put("third", "x").await?;
    part.write(Bytes::from_static(b"cd")).await?;
    assert_eq!(part.keep().await?.received, 4);
    assert_eq!(bench.text("k").await?.as_deref(), Some("abcd"));
    Ok(())
}

async fn what_fits_is_kept(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let all = noise(3 * BLOCK_BYTES + 100);
    let id = bench.begin(&ann(), "k", all.len()).await?;
    bench.put_bytes("other", noise(2 * BLOCK_BYTES + 1_000)).await?;
    bench.take(&id, 0, all.slice(..10)).await?;
    let mut part = bench.part(&id, 10).await?;
    assert!(full(part.write(all.slice(10..)).await).contains("space"));
    assert!(full(part.keep().await).contains("space"));
    assert_eq!(bench.received(&id).await?, BLOCK_BYTES as u64, "a block has come, and is not lost");
    let mut part = bench.part(&id, BLOCK_BYTES).await?;
    part.write(all.slice(BLOCK_BYTES..2 * BLOCK_BYTES - 1)).await?;
    assert!(full(part.keep().await).contains("space"), "what makes no block is asked for at its end");
    assert_eq!(bench.received(&id).await?, BLOCK_BYTES as u64);
    bench.delete("other").await?;
    let done = bench.take(&id, BLOCK_BYTES, all.slice(BLOCK_BYTES..)).await?;
    bench.delete("k").await?;
    assert_eq!(done.etag, Some(bench.put_bytes("whole", all).await?.etag));
    Ok(())
}

async fn the_last_part_is_kept_without_room_for_the_object(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    for (size, first, kept) in [
        (500, 200, 200),
        (BLOCK_BYTES + 100, 10, BLOCK_BYTES),
        // Whoever is told that all bytes are there takes it for done: the last block comes again.
        (2 * BLOCK_BYTES, 10, BLOCK_BYTES),
        (BLOCK_BYTES + 100, BLOCK_BYTES + 10, BLOCK_BYTES + 10),
    ] {
        let all = noise(size);
        let id = bench.begin(&ann(), "k", size).await?;
        // It leaves room for the bytes, and none for the key and what is said of the object.
        let other = (4 << 20) - size - "other".len() - "{}".len();
        bench.put_bytes("other", noise(other)).await?;
        bench.take(&id, 0, all.slice(..first)).await?;
        assert!(full(bench.take(&id, first, all.slice(first..)).await).contains("space"));
        let progress = bench.store.3.progress(bench.project, &ann(), &id).await?;
        assert_eq!(progress, Progress { received: kept as u64, total: size as u64, etag: None });
        assert!(bench.head("k").await?.is_none());
        bench.delete("other").await?;
        let done = bench.take(&id, kept, all.slice(kept..)).await?;
        bench.delete("k").await?;
        assert_eq!(done.etag, Some(bench.put_bytes("whole", all).await?.etag));
        bench.delete("whole").await?;
    }
    Ok(())
}

async fn an_upload_begins_where_its_object_has_room(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let most = 1_000 - "k".len() - "text/plain".len() - "{}".len() - "ann".len();
    assert!(full(bench.begin(&ann(), "k", most + 1).await).contains("space"));
    let id = bench.begin(&ann(), "k", most).await?;
    assert!(bench.take(&id, 0, noise(most)).await?.etag.is_some());
    // What it replaces gives back what was said of it.
    bench.put("k", &"v".repeat(500 - "k".len() - "{}".len())).await?;
    let id = bench.begin(&ann(), "k", 500 - "text/plain".len()).await?;
    assert!(bench.take(&id, 0, noise(500 - "text/plain".len())).await?.etag.is_some());
    Ok(())
}

async fn there_are_so_many(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let mut ids = Vec::new();
    for number in 0..MAX_UNFINISHED_OF_ACCOUNT {
        ids.push(bench.begin(&ann(), &number.to_string(), 10).await?);
    }
    let more = bench.begin(&ann(), "more", 10).await;
    assert!(matches!(more, Err(StoreError::Busy { .. })), "{more:?}");
    bench.begin(&Caller::default(), "other", 10).await?;
    bench.take(&ids[0], 0, noise(10)).await?;
    bench.begin(&ann(), "more", 10).await?;
    assert!(full(bench.begin(&Caller::default(), "large", 2 << 20).await).contains("space"));
    let upload = bench.put_if("k", noise(10), Condition::Always).await;
    assert!(upload.is_ok(), "{upload:?}");
    Ok(())
}

async fn c5_callers_without_a_name_leave_uploads_for_others(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    for number in 0..MAX_UNFINISHED_WITHOUT_NAME {
        // As many accounts as it takes.
        let user = Some((number / MAX_UNFINISHED_OF_ACCOUNT).to_string());
        let nobody = Caller { user, anonymous: true, ..Caller::default() };
        bench.begin(&nobody, &number.to_string(), 1).await?;
    }
    let new = Caller { user: Some("new".to_owned()), anonymous: true, ..Caller::default() };
    for caller in [&new, &Caller::default()] {
        let more = bench.begin(caller, "more", 1).await;
        assert!(matches!(more, Err(StoreError::Busy { .. })), "{more:?}");
    }
    let id = bench.begin(&ann(), "hers", 1).await?;
    assert_eq!(bench.take(&id, 0, noise(1)).await?.received, 1);
    Ok(())
}

async fn c5_callers_without_a_name_leave_room_for_others(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let (project, parted, most) = (bench.project, &bench.store.3, 2 << 20);
    let caller = |user: &str| Caller { user: Some(user.to_owned()), anonymous: true, ..Caller::default() };
    let (first, second) = (caller("first"), caller("second"));
    let part = async |caller: &Caller, id: &str| match parted.go_on(project, caller, id, 0).await? {
        Joint::Fits(part) => Ok::<_, StoreError>(part),
        Joint::Elsewhere(received) => panic!("it has {received} bytes"),
    };
    let without_a_name = |text: String| assert!(text.contains("without a name"), "{text}");
    without_a_name(full(bench.begin(&first, "large", most + 1).await));
    let ids = [bench.begin(&first, "1", 3 * most / 4).await?, bench.begin(&second, "2", 3 * most / 4).await?];
    let mut large = part(&first, &ids[0]).await?;
    large.write(noise(BLOCK_BYTES)).await?;
    large.keep().await?;
    without_a_name(full(part(&second, &ids[1]).await?.write(noise(BLOCK_BYTES)).await));
    without_a_name(full(bench.begin(&second, "more", most / 2).await));
    bench.begin(&second, "small", 1_000).await?;
    // Whoever has a name has the other half.
    bench.put_bytes("function", noise(1_000)).await?;
    let id = bench.begin(&ann(), "hers", most).await?;
    assert!(bench.take(&id, 0, noise(most)).await?.etag.is_some());
    parted.give_up(project, &first, &ids[0]).await?;
    part(&second, &ids[1]).await?.write(noise(BLOCK_BYTES)).await
}

async fn c5_only_bytes_keep_an_upload(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let ids = [bench.begin(&ann(), "a", 4).await?, bench.begin(&ann(), "b", 4).await?];
    bench.clock.turn(PART_WAIT_MS - 1);
    bench.take(&ids[0], 0, Bytes::from_static(b"ab")).await?;
    assert_eq!(bench.take(&ids[1], 0, Bytes::new()).await?.received, 0);
    // Parts that come at the same time keep it no more than one.
    let (one, other) = (bench.part(&ids[1], 0).await?, bench.part(&ids[1], 0).await?);
    assert!(one.keep().await.is_err());
    other.keep().await?;
    bench.clock.turn(1);
    missing(bench.received(&ids[1]).await);
    assert_eq!(bench.received(&ids[0]).await?, 2);
    bench.take(&ids[0], 2, Bytes::new()).await?;
    bench.clock.turn(PART_WAIT_MS - 1);
    missing(bench.received(&ids[0]).await);
    Ok(())
}

async fn so_many_are_known_afterwards(bench: Bench<'_>) -> Result<()> {
    let bench = bench.open_to_all().await?;
    let mut ids = Vec::new();
    for _ in 0..=MAX_FINISHED_OF_ACCOUNT {
        let id = bench.begin(&ann(), "k", 1).await?;
        bench.take(&id, 0, noise(1)).await?;
        bench.clock.turn(1);
        ids.push(id);
    }
    missing(bench.received(&ids[0]).await);
    for id in &ids[1..] {
        assert_eq!(bench.received(id).await?, 1);
    }
    let begun = bench.begin(&ann(), "k", 1).await?;
    assert_eq!(bench.received(&begun).await?, 0, "what is unfinished is not forgotten");
    Ok(())
}
