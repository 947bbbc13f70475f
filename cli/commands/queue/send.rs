//! `ostro queue send --data`: one message.

use runtime::control::wire::Sent;

use super::super::{Context, body};
use crate::{
    args::{Data, SendArgs},
    client::RawBody,
    failure::Failure,
};

/// Sends one message; its id is data, so that it can be handed on.
pub(super) fn run(context: &Context, args: &SendArgs, data: &Data) -> Result<(), Failure> {
    let session = context.session()?;
    let bytes = body::load(data)?;
    let content_type = args.content_type.as_deref().unwrap_or_else(|| body::content_type(&bytes));
    let options = [("delay", &args.delay), ("key", &args.key), ("order", &args.order)];
    let query: Vec<_> =
        options.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
    let path = session.path(&["queues", &args.queue.name, "messages"]);
    let sent: Sent = session.client.send(&path, &query, &RawBody { content_type, bytes: &bytes })?;
    context.out.show(&sent, |Sent { job, duplicate }| {
        context.out.line(&job.to_string())?;
        match duplicate {
            false => context.out.word(&format!("sent to queue {}", args.queue.name)),
            true => context.out.warn("not sent again: an earlier message has this key"),
        }
        Ok(())
    })
}
