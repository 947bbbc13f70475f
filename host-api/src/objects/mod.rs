//! `ostro:storage/objects`: buckets of the function's project.

mod access;
mod calls;
mod failure;
mod options;
mod places;
mod sealed;
mod signed;

use std::fmt;
use std::sync::Arc;

use store::buckets::{Content, Info, Place as At};
use store::catalog::ProjectId;
use store::documents::Caller;
use store::keys::Keys;
use store::{Store, StoreClock};

pub use self::access::{ObjectAccess, Target};
use self::failure::Answer;
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub use self::failure::Failure;
use self::options::Put;
pub use self::places::{Place, Places};
pub use self::sealed::{sealed_signer, signer_in};
pub use self::signed::{Action, MAX_EXPIRES_AS_CALLER_S, MAX_URL_BYTES, Permit, SIGNED_PATH, Signed, Signer};
use crate::bindings::ostro::storage::objects::Error;
use crate::grants::Verbs;

/// A bucket that a guest has opened.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
#[derive(Clone, Debug)]
pub struct Bucket {
    name: Arc<str>,
    verbs: Verbs,
    through: Through,
}

/// By which way a bucket is used.
#[derive(Clone, Copy, Debug)]
enum Through {
    /// As the function's grants have it.
    Grants,
    /// As the rules have it for the caller of whichever invocation is running: a handle may outlive the one that opened it.
    Rules,
}

/// An object that a guest reads.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub struct Download {
    said: String,
    content: Box<dyn Content>,
    /// The next byte.
    offset: u64,
    /// The byte behind the last one.
    end: u64,
    _place: Place,
}

/// An object that a guest puts; nothing once it is finished.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub struct Upload {
    running: Option<RunningUpload>,
}

struct RunningUpload {
    key: String,
    upload: Box<dyn store::buckets::Upload>,
    told: Put,
    _place: Place,
}

/// The buckets of all projects; by default none.
#[derive(Clone, Default)]
pub(crate) struct Buckets {
    open: Option<Open>,
}

/// The buckets of one project.
#[derive(Clone, Default)]
pub(crate) struct ProjectBuckets {
    project: Option<(ProjectId, Open)>,
}

#[derive(Clone)]
struct Open {
    access: ObjectAccess,
    keys: Keys,
    clock: StoreClock,
    places: Places,
}

impl Buckets {
    /// The buckets of that store.
    pub(crate) fn new(store: &Store) -> Self {
        let (keys, clock) = (store.keys.clone(), store.clock.clone());
        Self { open: Some(Open { access: ObjectAccess::new(store), keys, clock, places: Places::default() }) }
    }

    /// Those of a project.
    pub(crate) fn of(&self, project: ProjectId) -> ProjectBuckets {
        ProjectBuckets { project: self.open.clone().map(|open| (project, open)) }
    }
}

impl Bucket {
    /// An object of it.
    fn target<'t>(&'t self, project: ProjectId, caller: Option<&'t Caller>, key: &'t str) -> Target<'t> {
        Target { project, caller, at: At { bucket: &self.name, key } }
    }
}

impl ProjectBuckets {
    fn open(&self) -> Answer<(ProjectId, &ObjectAccess)> {
        self.parts().map(|(project, open)| (project, &open.access))
    }

    fn signer(&self) -> Answer<Signer> {
        let (project, open) = self.parts()?;
        Ok(Signer::new(open.keys.url_mac_key(project)?))
    }

    /// What stands in a URL that is signed for that caller.
    fn sealed(&self, caller: &Caller) -> Answer<String> {
        let (project, open) = self.parts()?;
        Ok(sealed_signer(&open.keys, project, caller)?)
    }

    fn now_ms(&self) -> Answer<i64> {
        self.parts().map(|(_, open)| (open.clock)())
    }

    fn place(&self) -> Answer<Place> {
        let (project, open) = self.parts()?;
        let full = || {
            Error::Unavailable("too many downloads and uploads are open: drop those that are done".to_owned())
        };
        open.places.take(project).ok_or_else(full)
    }

    fn parts(&self) -> Answer<(ProjectId, &Open)> {
        match &self.project {
            Some((project, open)) => Ok((*project, open)),
            None => Err(Error::Unavailable("there are no objects while a function is only tried".to_owned())),
        }
    }
}

impl Download {
    fn new(
        said: String,
        info: &Info,
        content: Box<dyn Content>,
        place: Place,
        offset: u64,
        length: u64,
    ) -> Self {
        let end = offset.saturating_add(length).min(info.size);
        Self { said, content, offset, end, _place: place }
    }

    /// The next bytes, at most that many.
    async fn next(&mut self, most: u32) -> Answer<Vec<u8>> {
        let left = self.end.saturating_sub(self.offset);
        let most = usize::try_from(left.min(u64::from(most))).unwrap_or(usize::MAX);
        let bytes = self.content.read(self.offset, most).await?;
        self.offset += bytes.len() as u64;
        Ok(bytes.into())
    }
}

impl fmt::Debug for ProjectBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProjectBuckets").field(&self.project.as_ref().map(|(project, _)| project)).finish()
    }
}
