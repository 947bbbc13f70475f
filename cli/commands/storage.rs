//! `ostro storage`: ls, create, put, get, rm.

mod media;
mod transfer;

use runtime::control::wire::{BucketList, BucketView, MAX_OBJECTS, ObjectList, ObjectView};
use serde_json::json;

use super::{Context, Session};
use crate::{
    args::{ListArgs, StorageCommand},
    failure::Failure,
    output::{Table, units},
};

/// `ostro storage`.
pub(super) fn run(context: &Context, command: &StorageCommand) -> Result<(), Failure> {
    match command {
        StorageCommand::Ls(args) => match &args.bucket {
            Some(bucket) => objects(context, args, bucket),
            None => buckets(context),
        },
        StorageCommand::Create { bucket } => create(context, &bucket.name),
        StorageCommand::Put(args) => transfer::put(context, args),
        StorageCommand::Get(args) => transfer::get(context, args),
        StorageCommand::Rm { bucket, keys } => remove(context, &bucket.name, keys),
    }
}

fn buckets(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let list: BucketList = session.client.get(&session.path(&["buckets"]), &[])?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["NAME"]);
        for bucket in &list.buckets {
            table.row([bucket.name.clone()]);
        }
        let empty = format!(
            "no buckets in project `{}` yet: [bucket.avatars] in ostro.toml makes one, or `ostro storage create avatars`",
            session.project
        );
        context.out.table(&table, &empty)
    })
}

fn objects(context: &Context, args: &ListArgs, bucket: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let list = list(&session, args, bucket)?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["KEY", "SIZE", "WRITTEN", "TYPE"]);
        for object in &list.objects {
            table.row([
                object.key.clone(),
                units::bytes(object.size),
                units::time_to_second(object.written_ms),
                object.content_type.clone(),
            ]);
        }
        context.out.table(&table, &format!("no such objects in bucket {bucket}"))?;
        if list.has_more {
            context
                .out
                .word(&format!("the first {}, and there are more: --limit N, or --all", list.objects.len()));
        }
        Ok(())
    })
}

/// Objects of as many pages as it takes.
fn list(session: &Session, args: &ListArgs, bucket: &str) -> Result<ObjectList, Failure> {
    let path = session.path(&["buckets", bucket, "objects"]);
    let most = if args.all { usize::MAX } else { usize::try_from(args.limit).unwrap_or(usize::MAX) };
    let mut objects: Vec<ObjectView> = Vec::new();
    loop {
        let limit = MAX_OBJECTS.min(most.saturating_sub(objects.len()));
        let mut query = vec![("prefix", args.prefix.clone()), ("limit", limit.to_string())];
        query.extend(objects.last().map(|last| ("after", last.key.clone())));
        let mut page: ObjectList = session.client.get(&path, &query)?;
        objects.append(&mut page.objects);
        if !page.has_more || objects.len() >= most {
            return Ok(ObjectList { objects, has_more: page.has_more });
        }
    }
}

fn create(context: &Context, bucket: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let made: BucketView = session.client.replace(&session.path(&["buckets", bucket]), &json!({}))?;
    context.out.show(&made, |made| {
        context.out.word(&format!("bucket {} of project {}", made.name, session.project));
        Ok(())
    })
}

fn remove(context: &Context, bucket: &str, keys: &[String]) -> Result<(), Failure> {
    let session = context.session()?;
    for key in keys {
        session.client.delete(&session.path(&["buckets", bucket, "objects", key]))?;
        context.out.word(&format!("deleted {key} of bucket {bucket}"));
    }
    Ok(())
}
