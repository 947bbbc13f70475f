//! Room for transfers: of a project, and what of it one caller may take, so that nobody keeps the others waiting. Callers without
//! a name, of whom anybody may be as many as they like, share one caller's part.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host_api::objects::{Place, Places};
use store::catalog::ProjectId;
use store::documents::Caller;

use crate::problem::Problem;

/// Uploads of one caller at once: half of those that a project may have.
const UPLOADS: usize = 8;
/// Downloads of one caller at once: half of a project's places.
const DOWNLOADS: usize = 32;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::client_api) enum Kind {
    /// To the server.
    Upload,
    /// From it.
    Download,
}

/// Whose transfers they are: of a project, an account with a name or all others, in a direction.
type Whose = (ProjectId, Option<String>, Kind);

/// All the room there is. A cheap handle.
#[derive(Clone, Default)]
pub(in crate::client_api) struct Rooms {
    places: Places,
    shares: Shares,
}

/// Room for one transfer; dropping it gives it back.
pub(in crate::client_api) struct Room {
    _place: Place,
    _share: Option<Share>,
}

/// What is taken. A cheap handle.
#[derive(Clone, Default)]
struct Shares(Arc<Mutex<HashMap<Whose, usize>>>);

/// A part that is taken; dropping it gives it back.
struct Share {
    shares: Shares,
    whose: Whose,
}

impl Rooms {
    /// Room for a transfer, as far as there is any for that caller. None is a function, which has no part of its own.
    pub(in crate::client_api) fn take(
        &self,
        project: ProjectId,
        caller: Option<&Caller>,
        kind: Kind,
    ) -> Result<Room, Problem> {
        let busy = || Problem::new(503, "busy", "too many transfers run at once");
        let share = |caller| self.shares.take(project, caller, kind).ok_or_else(busy);
        let share = caller.map(share).transpose()?;
        Ok(Room { _place: self.places.take(project).ok_or_else(busy)?, _share: share })
    }
}

impl Shares {
    /// A part, if the caller has one left.
    fn take(&self, project: ProjectId, caller: &Caller, kind: Kind) -> Option<Share> {
        let whose = (project, caller.user.clone().filter(|_| !caller.anonymous), kind);
        let most = match kind {
            Kind::Upload => UPLOADS,
            Kind::Download => DOWNLOADS,
        };
        let mut taken = self.taken();
        let own = taken.entry(whose.clone()).or_default();
        if *own >= most {
            return None;
        }
        *own += 1;
        Some(Share { shares: self.clone(), whose })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Whose, usize>> {
        // Nothing panics between two halves of a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        match taken.get_mut(&self.whose) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.whose)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c5_callers_without_a_name_leave_places_for_others() {
        let shares = Shares::default();
        let project = ProjectId(uuid::Uuid::from_u128(1));
        let anonymous =
            |name: &str| Caller { user: Some(name.to_owned()), anonymous: true, ..Caller::default() };
        let take = |caller: &Caller| shares.take(project, caller, Kind::Upload);
        let mut held: Vec<_> =
            (0..UPLOADS - 1).map(|name| take(&anonymous(&name.to_string())).unwrap()).collect();
        held.extend(take(&Caller::default()));
        assert!(take(&Caller::default()).is_none() && take(&anonymous("new")).is_none());
        let ann = Caller { user: Some("ann".to_owned()), ..Caller::default() };
        held.extend((0..UPLOADS).map(|_| take(&ann).unwrap()));
        assert!(take(&ann).is_none());
        assert!(shares.take(project, &ann, Kind::Download).is_some());
        drop(held);
        assert!(shares.taken().is_empty(), "nobody is remembered who has none");
    }
}
