//! What our own language answers.

use store::documents::language::{
    Applied, Fault, Filter, Object, Pipeline, Projection, Sort, Stopped, Update, Value,
};

use super::invent::Kind;

/// When it is for `$currentDate`, which no case uses.
const NOW_MS: i64 = 0;
/// More than any case needs.
const MAX_BYTES: usize = 1 << 20;

/// The outcome as JSON.
pub(crate) fn answer(kind: Kind, query: &str, documents: &[Object]) -> Result<String, Fault> {
    let first = documents.first().cloned().unwrap_or_default();
    Ok(match kind {
        Kind::Filter => Filter::parse(query)?.matches(&first).to_string(),
        Kind::Projection => Projection::parse(query)?.apply(&first).to_json(),
        Kind::Update => {
            let mut document = first;
            Update::parse(query)?.apply(&mut document, NOW_MS, Applied::Update)?;
            document.to_json()
        }
        Kind::Sort => {
            let sort = Sort::parse(query)?;
            let mut sorted: Vec<&Object> = documents.iter().collect();
            sorted.sort_by_cached_key(|document| sort.key(document));
            let ids = sorted.into_iter().filter_map(|document| document.get("_id").cloned());
            Value::Array(ids.collect()).to_json()
        }
        Kind::Pipeline => {
            let pipeline = Pipeline::parse(query)?;
            let leading = pipeline.leading_match().cloned().unwrap_or_else(Filter::all);
            let input = documents.iter().filter(|document| leading.matches(document)).cloned();
            match pipeline.run(input.map(Ok::<_, Fault>), MAX_BYTES, &|_| Ok(())) {
                Ok(results) => Value::Array(results.into_iter().map(Value::Object).collect()).to_json(),
                Err(Stopped::Input(fault) | Stopped::Fault(fault)) => return Err(fault),
            }
        }
    })
}
