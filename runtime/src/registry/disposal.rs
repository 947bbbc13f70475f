//! What no revision refers to any more goes: after a deploy that failed, one that pushed an old revision out, a deletion.

use std::collections::HashSet;

use store::StoreError;
use store::catalog::{Digest, FunctionId, ProjectId, Revision};
use store::objects::Area;

use super::Registry;
use crate::problem::Problem;

/// Components and bundles of assets.
#[derive(Debug, Default)]
pub(super) struct Held {
    wasm: HashSet<Digest>,
    assets: HashSet<Digest>,
}

impl Held {
    pub(super) fn add(&mut self, wasm: &Digest, assets: Option<&Digest>) {
        self.wasm.insert(wasm.clone());
        self.assets.extend(assets.cloned());
    }

    fn add_revisions(&mut self, revisions: &[Revision]) {
        revisions.iter().for_each(|revision| self.add(&revision.spec.wasm, revision.spec.assets.as_ref()));
    }
}

impl Registry {
    /// What the kept revisions of these functions refer to.
    pub(super) async fn held(&self, functions: &[FunctionId]) -> Result<Held, Problem> {
        let mut held = Held::default();
        for function in functions {
            held.add_revisions(&self.store.functions.revisions(*function).await?);
        }
        Ok(held)
    }

    /// What the kept revisions of the function of that name refer to, if there is one.
    pub(super) async fn held_by(&self, project: ProjectId, name: &str) -> Result<Held, Problem> {
        match self.store.functions.by_name(project, name).await? {
            Some(function) => self.held(&[function.id]).await,
            None => Ok(Held::default()),
        }
    }

    /// Removes what of it no revision refers to. What can't be removed stays until the next start, which looks again.
    pub(super) async fn dispose(&self, project: ProjectId, held: &Held) {
        let _nobody_commits = self.parts.write().await;
        let Ok(referenced) = self.store.functions.referenced().await else { return };
        let referenced: HashSet<Digest> = referenced.into_iter().collect();
        for wasm in held.wasm.difference(&referenced) {
            self.artifacts.discard(project, wasm);
            let removed = self.store.blobs.delete(Area::Wasm, wasm).await;
            removed.unwrap_or_else(|error| stays(wasm, &error));
        }
        for assets in held.assets.difference(&referenced) {
            let removed = self.store.blobs.delete(Area::Assets, assets).await;
            removed.and(self.remove_unpacked(assets)).unwrap_or_else(|error| stays(assets, &error));
        }
    }

    fn remove_unpacked(&self, assets: &Digest) -> Result<(), StoreError> {
        match self.unpacked() {
            Ok(unpacked) if unpacked.exists(assets.as_str()) => {
                let removed = unpacked.remove_dir_all(assets.as_str());
                removed.map_err(|error| StoreError::Driver(error.into()))
            }
            _ => Ok(()),
        }
    }
}

fn stays(digest: &Digest, error: &StoreError) {
    tracing::warn!(%digest, %error, "what no function uses any more stays until the next start");
}
