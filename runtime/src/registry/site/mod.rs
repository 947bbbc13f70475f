//! Static sites: files come by digest, then a version that names them. A version is one row of the catalog, its contents
//! are stored once each; what no version refers to goes.

mod compress;
mod staged;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use store::catalog::{
    Digest, NewSite, Project, ProjectId, SiteContent, SiteFile, SitePublished, SiteSpec, SiteVersion,
};
use store::objects::Area;
use tar::EntryType;

pub(super) use self::staged::Staged;
use super::bundle::{Bundle, check_name};
use super::manifest::SiteSettings;
use super::{Registry, merge, settings};
use crate::client_api::site::media_type;
use crate::control::wire::{SiteDeploy, SiteOutcome, SiteReceived, SiteReport};
use crate::problem::Problem;
use crate::router;

/// Files of a site.
pub const MAX_SITE_FILES: usize = 20_000;
/// A file of a site, bytes.
pub const MAX_SITE_FILE_BYTES: u64 = 25 << 20;
/// A site, bytes.
pub const MAX_SITE_BYTES: u64 = 1 << 30;
/// Versions of a site that are kept.
const KEEP_VERSIONS: u32 = 10;

impl Registry {
    /// Takes files that a version will name. Until then nobody sees them. When some of them can't be kept, none are, nor those
    /// that came before: a full disk gets its room back.
    pub(super) async fn receive_site_files(
        &self,
        project: &Project,
        tar: Bytes,
    ) -> Result<SiteReceived, Problem> {
        let received = self.receive(project, tar).await;
        if received.is_err() {
            self.unstage(project.id).await;
        }
        received
    }

    async fn receive(&self, project: &Project, tar: Bytes) -> Result<SiteReceived, Problem> {
        let read = tokio::task::spawn_blocking(move || Bundle::read(&tar));
        let files = read.await.map_err(|error| Problem::internal(&error))??.into_files();
        let mut received = SiteReceived { files: 0, bytes: 0 };
        for (name, content) in files {
            let bytes = content.len() as u64;
            if bytes > MAX_SITE_FILE_BYTES {
                let message = format!("the file `{name}` is larger than {} MiB", MAX_SITE_FILE_BYTES >> 20);
                return Err(too_large(message));
            }
            if self.staged.bytes(project.id) + bytes > MAX_SITE_BYTES {
                return Err(too_large(format!("a site has {} GiB at most", MAX_SITE_BYTES >> 30)));
            }
            self.stage(project.id, Bytes::from(content)).await?;
            received.files += 1;
            received.bytes += bytes;
        }
        Ok(received)
    }

    /// Publishes a version of a site. When it returns, every executor serves it.
    pub(super) async fn publish_site(
        &self,
        project: &Project,
        deploy: SiteDeploy,
        actor: &str,
    ) -> Result<SiteReport, Problem> {
        let began = self.clock.instant();
        let manifest = merge::read_manifest(&deploy.manifest, &project.name, &self.ceilings)?;
        let site = manifest.site.ok_or_else(|| {
            Problem::new(422, "manifest", "ostro.toml has no [site]").hint("add one: [site] with `folder`")
        })?;
        let wanted = check_files(deploy.files, &site)?;
        let _turn = self.sites.begin(project.id).await;
        let versions = self.store.sites.versions(project.id).await?;
        let files = self.find_contents(project.id, &wanted, &versions).await?;
        let SiteSettings { fallback, not_found, cache, headers, previews, folder: _ } = site;
        let spec = SiteSpec { files, fallback, not_found, cache, headers, live: deploy.live, previews };
        let (count, bytes) = (spec.files.len(), spec.bytes());
        let published = match self.commit_site(project.id, spec, &versions, actor).await {
            Ok(published) => published,
            Err(problem) => {
                self.unstage(project.id).await;
                return Err(problem);
            }
        };
        let mut held: BTreeSet<Digest> = self.staged.take(project.id);
        held.extend(digests(&versions));
        self.refresh().await?;
        self.dispose_site(&held).await;
        let (outcome, version) = match published {
            SitePublished::Created(number) => (SiteOutcome::Created, number),
            SitePublished::Unchanged(number) => (SiteOutcome::Unchanged, number),
        };
        Ok(SiteReport {
            project: project.name.clone(),
            version,
            outcome,
            files: count,
            bytes,
            url: router::site_url(self.domain.as_deref(), self.data_port, &project.name),
            took_ms: self.since(began),
        })
    }

    /// Compresses what is worth it and commits the version.
    async fn commit_site(
        &self,
        project: ProjectId,
        mut spec: SiteSpec,
        versions: &[SiteVersion],
        actor: &str,
    ) -> Result<SitePublished, Problem> {
        if !spec.live {
            spec.files = self.compress(project, spec.files, versions).await?;
        }
        let new = NewSite { project, spec, keep: KEEP_VERSIONS };
        Ok(self.store.sites.publish(&new, &self.stamp(actor)).await?)
    }

    /// Forgets what has come for a project's next version.
    async fn unstage(&self, project: ProjectId) {
        let gone = self.staged.take(project);
        self.dispose_site(&gone).await;
    }

    /// Serves an earlier version again; by default the one before.
    pub(super) async fn roll_site_back(
        &self,
        project: &Project,
        to: Option<u32>,
        actor: &str,
    ) -> Result<u32, Problem> {
        let _turn = self.sites.begin(project.id).await;
        let versions = self.store.sites.versions(project.id).await?;
        let active = versions.iter().find(|version| version.active).ok_or_else(no_site)?.number;
        let earlier = versions.iter().map(|version| version.number).find(|number| *number < active);
        let number = to.or(earlier).ok_or_else(|| {
            Problem::new(409, "no_earlier_revision", "there is no earlier version of the site")
        })?;
        self.store.sites.activate(project.id, number, &self.stamp(actor)).await?;
        self.refresh().await?;
        Ok(number)
    }

    /// Deletes a site with all its versions.
    pub(super) async fn remove_site(&self, project: &Project, actor: &str) -> Result<(), Problem> {
        let _turn = self.sites.begin(project.id).await;
        let held = self.held_by_site(project.id).await?;
        self.store.sites.delete(project.id, &self.stamp(actor)).await?;
        self.refresh().await?;
        self.dispose_site(&held).await;
        Ok(())
    }

    /// What a project's site holds: its versions, and what has come for the next one.
    pub(super) async fn held_by_site(&self, project: ProjectId) -> Result<BTreeSet<Digest>, Problem> {
        let versions = self.store.sites.versions(project).await?;
        let mut held = self.staged.take(project);
        held.extend(digests(&versions));
        Ok(held)
    }

    /// Removes what of it nothing refers to. What can't be removed stays until the next start, which looks again.
    pub(super) async fn dispose_site(&self, held: &BTreeSet<Digest>) {
        let _nobody_stages = self.parts.write().await;
        let Ok(referenced) = self.store.sites.referenced().await else { return };
        let referenced: BTreeSet<Digest> = referenced.into_iter().collect();
        for digest in held.difference(&referenced).filter(|digest| !self.staged.has(digest)) {
            if let Err(error) = self.store.blobs.delete(Area::Site, digest).await {
                tracing::warn!(%digest, %error, "what no site uses any more stays until the next start");
            }
        }
    }

    /// Stores a content, which stays until a version is published or told not to want it.
    async fn stage(&self, project: ProjectId, content: Bytes) -> Result<SiteContent, Problem> {
        let bytes = content.len() as u64;
        let hashed = content.clone();
        let digest = tokio::task::spawn_blocking(move || Digest::of(&hashed)).await;
        let digest = digest.map_err(|error| Problem::internal(&error))?;
        // Nothing is disposed of between the two.
        let _staging = self.parts.read().await;
        self.store.blobs.put(Area::Site, &digest, content).await?;
        self.staged.add(project, &digest, bytes);
        Ok(SiteContent { digest, bytes })
    }

    /// The files with the sizes of their contents. Only what this project has sent itself is taken: a digest is no right to
    /// what another one has.
    async fn find_contents(
        &self,
        project: ProjectId,
        wanted: &BTreeMap<String, Digest>,
        versions: &[SiteVersion],
    ) -> Result<BTreeMap<String, SiteFile>, Problem> {
        let kept = versions.iter().flat_map(|version| version.spec.contents());
        let mut known: HashMap<Digest, u64> =
            kept.map(|content| (content.digest.clone(), content.bytes)).collect();
        known.extend(self.staged.of(project));
        let (mut there, mut missing) = (BTreeSet::new(), BTreeSet::new());
        for digest in wanted.values() {
            if there.contains(digest) || missing.contains(digest) {
                continue;
            }
            let found = known.contains_key(digest) && self.store.blobs.exists(Area::Site, digest).await?;
            (if found { &mut there } else { &mut missing }).insert(digest.clone());
        }
        if !missing.is_empty() {
            // What came for a version that nobody wants any more makes room.
            let gone = self.staged.keep_only(project, &there);
            self.dispose_site(&gone).await;
            return Err(lacking(&missing));
        }
        let mut files = BTreeMap::new();
        let mut size: u64 = 0;
        for (name, digest) in wanted {
            let bytes = known.get(digest).copied().unwrap_or(0);
            size = size.saturating_add(bytes);
            let content = SiteContent { digest: digest.clone(), bytes };
            files.insert(name.clone(), SiteFile { content, gzip: None, brotli: None });
        }
        match size <= MAX_SITE_BYTES {
            true => Ok(files),
            false => Err(too_large(format!("a site has {} GiB at most", MAX_SITE_BYTES >> 30))),
        }
    }

    /// Adds compressed forms to what is worth it. A content that an earlier version has is not compressed again.
    async fn compress(
        &self,
        project: ProjectId,
        mut files: BTreeMap<String, SiteFile>,
        versions: &[SiteVersion],
    ) -> Result<BTreeMap<String, SiteFile>, Problem> {
        let compressed = versions.iter().filter(|version| !version.spec.live);
        let compressed = compressed.flat_map(|version| version.spec.files.values());
        let mut known: HashMap<Digest, SiteFile> = compressed
            .filter(|file| file.gzip.is_some() || file.brotli.is_some())
            .map(|file| (file.content.digest.clone(), file.clone()))
            .collect();
        for (name, file) in &mut files {
            if !compress::is_worth_it(media_type(name), file.content.bytes) {
                continue;
            }
            let digest = &file.content.digest;
            if !known.contains_key(digest) {
                let content = self.store.blobs.get(Area::Site, digest).await?;
                let content = content.ok_or_else(|| lacking(&BTreeSet::from([digest.clone()])))?;
                let made = tokio::task::spawn_blocking(move || compress::both(&content)).await;
                let made = made.map_err(|error| Problem::internal(&error))?;
                let compress::Compressed { gzip, brotli } =
                    made.map_err(|error| Problem::internal(&error))?;
                let mut file = file.clone();
                if let Some(gzip) = gzip {
                    file.gzip = Some(self.stage(project, gzip).await?);
                }
                if let Some(brotli) = brotli {
                    file.brotli = Some(self.stage(project, brotli).await?);
                }
                known.insert(digest.clone(), file);
            }
            if let Some(known) = known.get(digest) {
                *file = known.clone();
            }
        }
        Ok(files)
    }
}

/// The files by name with their digests, as many and named as they may be.
fn check_files(
    files: BTreeMap<String, String>,
    site: &SiteSettings,
) -> Result<BTreeMap<String, Digest>, Problem> {
    if files.is_empty() {
        return Err(unfit("the site has no files").hint("put an index.html into its folder"));
    }
    if files.len() > MAX_SITE_FILES {
        return Err(too_large(format!("a site has {MAX_SITE_FILES} files at most")));
    }
    for named in [&site.fallback, &site.not_found].into_iter().flatten() {
        if !files.contains_key(named) {
            return Err(unfit(format!("the site has no file `{named}`"))
                .hint("`fallback` and `not_found` name files of the folder"));
        }
    }
    let mut wanted = BTreeMap::new();
    for (name, digest) in files {
        let plain = check_name(name.as_bytes(), EntryType::Regular)?;
        if plain.as_ref() != Some(&name) {
            return Err(unfit(format!("`{}` is not the plain name of a file", name.escape_debug())));
        }
        settings::check_site_file(&name).map_err(|refused| {
            let problem = unfit(refused.message);
            refused.hint.into_iter().fold(problem, Problem::hint)
        })?;
        let digest = Digest::parse(&digest)
            .ok_or_else(|| unfit(format!("`{}` is no SHA-256", digest.escape_debug())))?;
        wanted.insert(name, digest);
    }
    Ok(wanted)
}

fn digests(versions: &[SiteVersion]) -> impl Iterator<Item = Digest> {
    versions.iter().flat_map(|version| version.spec.contents()).map(|content| content.digest.clone())
}

fn lacking(digests: &BTreeSet<Digest>) -> Problem {
    let digests: Vec<&str> = digests.iter().map(Digest::as_str).collect();
    Problem::new(409, "missing_files", "the server does not have all files of the site")
        .hint("send the files that `detail.digests` names, then publish again")
        .detail(serde_json::json!({ "digests": digests }))
}

fn no_site() -> Problem {
    Problem::not_found("site")
}

fn unfit(message: impl Into<String>) -> Problem {
    Problem::new(422, "site", message)
}

fn too_large(message: String) -> Problem {
    Problem::new(413, "too_large", message).hint("large files belong into a bucket")
}
