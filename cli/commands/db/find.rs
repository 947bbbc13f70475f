//! `ostro db find`, `get` and `count`: looking.

use runtime::control::wire::{CountRequest, Counted, DocumentPage, FindRequest, MAX_PAGE};
use serde_json::value::RawValue;

use super::{
    super::{Context, Session},
    json,
};
use crate::{
    args::{FilterArgs, FindArgs},
    failure::Failure,
};

/// Prints documents, page by page.
pub(super) fn find(context: &Context, args: &FindArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let request = FindRequest {
        filter: filter(&args.filter)?,
        sort: args.sort.clone().map(checked).transpose()?,
        skip: args.skip,
        fields: args.fields.clone().map(checked).transpose()?,
        ..FindRequest::default()
    };
    let limit = (!args.all).then_some(args.limit);
    let mut pages = Pages::new(&session, &args.collection.name, request, limit);
    let mut printed: u64 = 0;
    while let Some(documents) = pages.next()? {
        for document in &documents {
            context.out.document(document.get())?;
            printed += 1;
        }
    }
    if pages.there_are_more() {
        context.out.word(&format!("the first {printed}, and there are more: --limit N, or --all"));
    } else if printed == 0 {
        context.out.word("no document matches");
    }
    Ok(())
}

/// Prints one document.
pub(super) fn get(context: &Context, collection: &str, id: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let path = session.path(&["collections", collection, "documents", id]);
    let document: Box<RawValue> = session.client.get(&path, &[])?;
    context.out.document(document.get())
}

/// Prints a number.
pub(super) fn count(context: &Context, collection: &str, args: &FilterArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let counted = ask_count(&session, collection, filter(args)?)?;
    context.out.show(&counted, |Counted { count }| context.out.line(&count.to_string()))
}

/// How many documents match.
pub(super) fn ask_count(
    session: &Session,
    collection: &str,
    filter: Option<Box<RawValue>>,
) -> Result<Counted, Failure> {
    let path = session.path(&["collections", collection, "count"]);
    session.client.post(&path, &CountRequest { filter, limit: None })
}

/// The pages of a find, one after the other.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    session: &'a Session,
    path: String,
    request: FindRequest,
    /// Documents that are still wanted; none is all there are.
    wanted: Option<u64>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was asked yet.
    New,
    /// The last answer had a cursor.
    More,
    /// There was none.
    Ended,
}

impl<'a> Pages<'a> {
    /// Pages of up to so many documents together.
    pub(super) fn new(
        session: &'a Session,
        collection: &str,
        request: FindRequest,
        wanted: Option<u64>,
    ) -> Self {
        let path = session.path(&["collections", collection, "find"]);
        Self { session, path, request, wanted, state: State::New }
    }

    /// The next page; none when there are no more, or no more are wanted.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Box<RawValue>>>, Failure> {
        if self.state == State::Ended || self.wanted == Some(0) {
            return Ok(None);
        }
        self.request.limit = Some(self.wanted.map_or(MAX_PAGE, |wanted| wanted.min(MAX_PAGE)));
        let page: DocumentPage = self.session.client.post(&self.path, &self.request)?;
        let got = u64::try_from(page.documents.len()).unwrap_or(u64::MAX);
        self.wanted = self.wanted.map(|wanted| wanted.saturating_sub(got));
        self.state = if page.cursor.is_some() { State::More } else { State::Ended };
        // The cursor knows what was passed over.
        (self.request.cursor, self.request.skip) = (page.cursor, 0);
        Ok(Some(page.documents))
    }

    /// Whether more match than were wanted.
    pub(super) fn there_are_more(&self) -> bool {
        self.state == State::More
    }
}

fn filter(args: &FilterArgs) -> Result<Option<Box<RawValue>>, Failure> {
    args.filter.as_ref().map(|filter| json("the filter", filter)).transpose()
}

/// JSON that was looked at when it was typed.
pub(super) fn checked(text: String) -> Result<Box<RawValue>, Failure> {
    RawValue::from_string(text).map_err(|error| Failure::usage(error.to_string()))
}
