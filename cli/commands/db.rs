//! `ostro db`: collections, create, find, get, count, insert, update, delete, import, export.

mod change;
mod entries;
mod export;
mod find;
mod import;

use runtime::control::wire::{CollectionList, CollectionView, Index, NewCollection};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Context, body};
use crate::{
    args::{CreateArgs, Data, DbCommand},
    failure::Failure,
    output::{Table, units},
};

/// `ostro db`.
pub(super) fn run(context: &Context, command: &DbCommand) -> Result<(), Failure> {
    match command {
        DbCommand::Collections => collections(context),
        DbCommand::Create(args) => create(context, args),
        DbCommand::Find(args) => find::find(context, args),
        DbCommand::Get { collection, id } => find::get(context, &collection.name, id),
        DbCommand::Count { collection, filter } => find::count(context, &collection.name, filter),
        DbCommand::Insert(args) => change::insert(context, args),
        DbCommand::Update(args) => change::update(context, args),
        DbCommand::Delete(args) => change::delete(context, args),
        DbCommand::Import(args) => import::run(context, args),
        DbCommand::Export(args) => export::run(context, args),
    }
}

fn collections(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let list: CollectionList = session.client.get(&session.path(&["collections"]), &[])?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["NAME", "DOCUMENTS", "SIZE", "INDEXES"]);
        for collection in &list.collections {
            table.row([
                collection.name.clone(),
                collection.documents.to_string(),
                units::bytes(collection.bytes),
                index_names(&collection.indexes),
            ]);
        }
        let empty = format!(
            "no collections in project `{}` yet: [collection.users] in ostro.toml makes one, or `ostro db create users`",
            session.project
        );
        context.out.table(&table, &empty)
    })
}

fn create(context: &Context, args: &CreateArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let index = |unique: bool| {
        move |fields: &String| Index {
            fields: fields.split(',').map(|f| f.trim().to_owned()).collect(),
            unique,
        }
    };
    let plain = args.indexes.iter().map(index(false));
    let indexes: Vec<_> = plain.chain(args.uniques.iter().map(index(true))).collect();
    let new = NewCollection { indexes: (!indexes.is_empty()).then_some(indexes) };
    let path = session.path(&["collections", &args.collection.name]);
    let made: CollectionView = session.client.replace(&path, &new)?;
    context.out.show(&made, |made| {
        let indexes = match index_names(&made.indexes) {
            names if names.is_empty() => "no indexes".to_owned(),
            names => format!("indexes {names}"),
        };
        context.out.word(&format!("collection {} of project {}: {indexes}", made.name, session.project));
        Ok(())
    })
}

/// `owner,slug; email (unique)`.
fn index_names(indexes: &[Index]) -> String {
    let name = |index: &Index| {
        let fields = index.fields.join(",");
        if index.unique { format!("{fields} (unique)") } else { fields }
    };
    indexes.iter().map(name).collect::<Vec<_>>().join("; ")
}

/// What was typed as JSON, or what it names. What is none is wrong use, as everything that was typed wrongly.
fn json(what: &str, data: &Data) -> Result<Box<RawValue>, Failure> {
    let text = body::load(data)?;
    let place = match data {
        Data::Text(_) => what.to_owned(),
        Data::Stdin => format!("{what} from standard input"),
        Data::File(path) => format!("{what} in {}", path.display()),
    };
    raw(&text).map_err(|fault| Failure::usage(format!("{place} is not JSON: {fault}")))
}

/// JSON text, or its fault with line and column.
fn raw(text: &[u8]) -> Result<Box<RawValue>, String> {
    // Looked at before it is copied: the fault of text that is not UTF-8 has no place otherwise.
    serde_json::from_slice::<IgnoredAny>(text)
        .and_then(|_| serde_json::from_slice(text))
        .map_err(|error| error.to_string())
}

/// A number and what it counts.
fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_named_by_their_fields() {
        let index = |fields: &[&str], unique| Index {
            fields: fields.iter().map(|&f| f.to_owned()).collect(),
            unique,
        };
        let indexes = [index(&["owner", "slug"], false), index(&["email"], true)];
        assert_eq!(index_names(&indexes), "owner,slug; email (unique)");
        assert_eq!(index_names(&[]), "");
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        assert_eq!(raw(br#"{"n": 9007199254740993}"#).unwrap().get(), r#"{"n": 9007199254740993}"#);
        for (text, place) in
            [(&b"{\n\"a\": }"[..], "line 2 column 6"), (b"{a: 1}", "line 1 column 2"), (b"", "EOF")]
        {
            let fault = raw(text).unwrap_err();
            assert!(fault.contains(place), "{fault}");
        }
        assert!(raw(b"{\"a\": \"\xff\"}").is_err());
    }
}
