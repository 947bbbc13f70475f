//! Documents: collections of the project, asked and changed in MongoDB's words, and transactions over them.

mod collection;
mod error;
mod extended;
mod find;
mod modify;
mod text;
mod transaction;
mod update;

pub use self::collection::{Collection, collection, collection_as_caller};
pub use self::error::{Error, Result};
pub use self::extended::{Binary, Date};
pub use self::find::{Documents, Find};
pub use self::modify::FindAndModify;
pub use self::transaction::{MAX_ATTEMPTS, Transaction, Values, transaction};
pub use self::update::{Update, Updated};
