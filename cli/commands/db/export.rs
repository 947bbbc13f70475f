//! `ostro db export`: all documents of a collection, or of all collections, a line each.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use runtime::control::wire::{CollectionList, FindRequest};
use serde_json::{json, value::RawValue};

use super::{
    super::{Context, Session, arriving::Arriving},
    counted,
    find::Pages,
};
use crate::{
    args::ExportArgs,
    failure::Failure,
    output::{Progress, one_line},
};

/// Writes the documents where they were asked for.
pub(super) fn run(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    let session = context.session()?;
    match (&args.collection, &args.file, &args.all) {
        (Some(collection), None, _) => to_output(context, &session, collection),
        (Some(collection), Some(file), _) => {
            let documents = to_file(context, &session, collection, file)?;
            told(context, &[(collection.clone(), file.clone(), documents)])
        }
        (None, _, Some(folder)) => all(context, &session, folder),
        (None, _, None) => Err(Failure::usage("name a collection, or give `--all DIR`")),
    }
}

fn to_output(context: &Context, session: &Session, collection: &str) -> Result<(), Failure> {
    let write = |document: &RawValue| context.out.document_line(document.get());
    each(session, collection, None, write).map(drop)
}

fn all(context: &Context, session: &Session, folder: &Path) -> Result<(), Failure> {
    let list: CollectionList = session.client.get(&session.path(&["collections"]), &[])?;
    fs::create_dir_all(folder).map_err(|error| Failure::io(folder.display(), &error))?;
    let mut exported = Vec::new();
    for collection in list.collections {
        let file = folder.join(file_name(&collection.name)?);
        let documents = to_file(context, session, &collection.name, &file)?;
        exported.push((collection.name, file, documents));
    }
    if exported.is_empty() {
        context.out.word(&format!("project {} has no collections", session.project));
    }
    told(context, &exported)
}

fn to_file(context: &Context, session: &Session, collection: &str, file: &Path) -> Result<u64, Failure> {
    let mut arriving = Arriving::create(file)?;
    let progress = context.out.progress(&format!("exporting {collection} to {}", file.display()));
    let documents = each(session, collection, Some(&progress), |document| {
        writeln!(arriving, "{}", one_line(document.get())).map_err(|error| arriving.fault(&error))
    })?;
    arriving.finish()?;
    Ok(documents)
}

/// Hands every document of a collection on; answers how many there were.
fn each(
    session: &Session,
    collection: &str,
    progress: Option<&Progress>,
    mut write: impl FnMut(&RawValue) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut pages = Pages::new(session, collection, FindRequest::default(), None);
    let mut written: u64 = 0;
    while let Some(documents) = pages.next()? {
        for document in &documents {
            write(document)?;
            written += 1;
        }
        if let Some(progress) = progress {
            progress.say(format!("exported {}", counted(written, "document")));
        }
    }
    Ok(written)
}

fn told(context: &Context, exported: &[(String, PathBuf, u64)]) -> Result<(), Failure> {
    let rows = exported.iter().map(|(collection, file, documents)| {
        json!({ "collection": collection, "file": file.display().to_string(), "documents": documents })
    });
    context.out.show(&json!({ "exported": rows.collect::<Vec<_>>() }), |_| {
        for (collection, file, documents) in exported {
            let documents = counted(*documents, "document");
            context.out.word(&format!("exported {documents} of {collection} to {}", file.display()));
        }
        Ok(())
    })
}

/// The file of a collection. The name comes from the server: it must not lead out of the folder.
fn file_name(collection: &str) -> Result<String, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match !collection.is_empty() && collection.bytes().all(plain) {
        true => Ok(format!("{collection}.jsonl")),
        false => Err(Failure::local(format!("`{}` can't be the name of a file", collection.escape_debug()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_collections_stay_in_their_folder() {
        assert_eq!(file_name("a-b_1").unwrap(), "a-b_1.jsonl");
        for name in ["", "..", "a/b", "../a", "a.b", "ü", "a\0"] {
            assert!(file_name(name).is_err(), "{name:?}");
        }
    }
}
