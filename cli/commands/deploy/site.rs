//! The files of a static site: found in its folder, sent where the server lacks them, published as a version.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use runtime::{
    control::wire::{SiteDeploy, SiteReport},
    registry::{
        manifest::with_project,
        settings::check_site_file,
        site::{MAX_SITE_FILE_BYTES, MAX_SITE_FILES},
    },
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::assets::{self, Found};
use crate::{
    client::Content,
    commands::Session,
    failure::Failure,
    output::{Output, units},
};

/// Files that are sent at once, bytes; the server takes twice as much, and a file may be as large as the other half.
const BATCH_BYTES: u64 = 32 << 20;
/// Files that are sent at once.
const BATCH_FILES: usize = 2_000;
/// How often missing files are sent: another deploy of the project that ends meanwhile makes the server forget them.
const ROUNDS: usize = 3;

/// The site to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct SitePlan {
    /// The whole text of the manifest.
    pub(in crate::commands) manifest: String,
    /// Where its files are.
    pub(in crate::commands) folder: PathBuf,
}

/// Who sees the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum For {
    /// Everybody: compressed, and kept by browsers.
    Visitors,
    /// Whoever works on it.
    Developer,
}

/// A file that is there.
struct Local {
    path: PathBuf,
    digest: String,
    bytes: u64,
}

/// Sends what the server lacks, then publishes the version.
pub(in crate::commands) fn send(
    out: &Output,
    session: &Session,
    plan: &SitePlan,
    whom: For,
) -> Result<SiteReport, Failure> {
    let (files, skipped) = list(&plan.folder)?;
    if whom == For::Visitors {
        skipped.iter().for_each(|skipped| out.warn(&format!("left out of the site: {skipped}")));
    }
    let deploy = SiteDeploy {
        // `--project` wins over the manifest, and the server wants them to agree.
        manifest: with_project(&plan.manifest, &session.project),
        files: files.iter().map(|(name, file)| (name.clone(), file.digest.clone())).collect(),
        live: whom == For::Developer,
    };
    let mut published = publish(session, &deploy);
    for _ in 0..ROUNDS {
        let Some(missing) = published.as_ref().err().and_then(missing) else { break };
        upload(out, session, &files, &missing, whom)?;
        let _progress = (whom == For::Visitors).then(|| out.progress("publishing the site"));
        published = publish(session, &deploy);
    }
    published
}

fn publish(session: &Session, deploy: &SiteDeploy) -> Result<SiteReport, Failure> {
    session.client.post_patiently(&session.path(&["site"]), deploy)
}

/// The digests that the server lacks, where that is what it says.
fn missing(failure: &Failure) -> Option<BTreeSet<String>> {
    let word = failure.word().filter(|word| word.code == "missing_files")?;
    let digests = word.detail.as_ref()?.get("digests")?.as_array()?;
    Some(digests.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Sends files in batches, each content once.
fn upload(
    out: &Output,
    session: &Session,
    files: &BTreeMap<String, Local>,
    missing: &BTreeSet<String>,
    whom: For,
) -> Result<(), Failure> {
    let by_digest: BTreeMap<&str, &Local> = files.values().map(|file| (file.digest.as_str(), file)).collect();
    let wanted: Vec<&Local> =
        missing.iter().filter_map(|digest| by_digest.get(digest.as_str()).copied()).collect();
    let (all, mut sent) = (wanted.iter().map(|file| file.bytes).sum::<u64>(), 0);
    let mut rest = wanted.as_slice();
    while let Some((batch, left)) = next_batch(rest) {
        let _progress = (whom == For::Visitors).then(|| {
            out.progress(&format!(
                "sending {} of the site: {} of {}",
                counted(wanted.len()),
                units::bytes(sent),
                units::bytes(all)
            ))
        });
        let tar = pack(batch)?;
        let content = Content {
            content_type: "application/x-tar",
            size: Some(tar.len() as u64),
            reader: &mut tar.as_slice(),
        };
        session.client.put_content::<Value>(&session.path(&["site", "files"]), content)?;
        sent += batch.iter().map(|file| file.bytes).sum::<u64>();
        rest = left;
    }
    Ok(())
}

/// So many files as may go at once, at least one; none when there are none left.
fn next_batch<'a, 'f>(files: &'a [&'f Local]) -> Option<(&'a [&'f Local], &'a [&'f Local])> {
    let mut bytes: u64 = 0;
    let count = files.iter().take(BATCH_FILES).take_while(|file| {
        bytes = bytes.saturating_add(file.bytes);
        bytes <= BATCH_BYTES
    });
    // A file is smaller than a batch, so that the first one always goes.
    let count = count.count().max(1).min(files.len());
    (count > 0).then(|| files.split_at(count))
}

fn pack(batch: &[&Local]) -> Result<Vec<u8>, Failure> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in batch {
        let failure = |error: io::Error| Failure::io(file.path.display(), &error);
        let bytes = fs::read(&file.path).map_err(failure)?;
        if format!("{:x}", Sha256::digest(&bytes)) != file.digest {
            return Err(Failure::local(format!("{} was changed while it was read", file.path.display()))
                .hint("deploy again"));
        }
        assets::append(&mut tar, &file.digest, &bytes).map_err(failure)?;
    }
    tar.into_inner().map_err(|error| Failure::io("the site", &error))
}

/// The files of the folder by name, and what is left out.
fn list(folder: &Path) -> Result<(BTreeMap<String, Local>, Vec<String>), Failure> {
    if !folder.is_dir() {
        return Err(Failure::local(format!("the folder of the site, {}, does not exist", folder.display()))
            .hint("`folder` in [site] is relative to the manifest"));
    }
    let Found { files, mut skipped } = Found::of(folder)?;
    let mut found = BTreeMap::new();
    for (name, path) in files {
        if check_site_file(&name).is_err() {
            skipped.push(format!("{name} (hidden)"));
            continue;
        }
        let digest = digest(&path)?;
        found.insert(name, digest);
    }
    if found.len() > MAX_SITE_FILES {
        return Err(Failure::local(format!(
            "the site has {}; {MAX_SITE_FILES} are taken",
            counted(found.len())
        )));
    }
    skipped.sort();
    Ok((found, skipped))
}

fn digest(path: &Path) -> Result<Local, Failure> {
    let mut hash = Sha256::new();
    let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash));
    let bytes = read.map_err(|error| Failure::io(path.display(), &error))?;
    if bytes > MAX_SITE_FILE_BYTES {
        let most = units::bytes(MAX_SITE_FILE_BYTES);
        return Err(Failure::local(format!("{} is larger than {most}", path.display()))
            .hint("large files belong into a bucket: `ostro storage put`"));
    }
    Ok(Local { path: path.to_owned(), digest: format!("{:x}", hash.finalize()), bytes })
}

/// `1 file`, `2 files`.
pub(in crate::commands) fn counted(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(bytes: u64) -> Local {
        Local { path: PathBuf::new(), digest: String::new(), bytes }
    }

    #[test]
    fn batches_are_bounded_and_lose_nothing() {
        let sizes = [1, BATCH_BYTES, 5, MAX_SITE_FILE_BYTES, 7, BATCH_BYTES - 7, 1];
        let files = sizes.map(local);
        let files: Vec<&Local> = files.iter().collect();
        let (mut rest, mut batches) = (files.as_slice(), Vec::new());
        while let Some((batch, left)) = next_batch(rest) {
            batches.push(batch.len());
            rest = left;
        }
        assert_eq!(batches, [1, 1, 3, 2]);
        let many: Vec<Local> = (0..BATCH_FILES + 1).map(|_| local(0)).collect();
        let many: Vec<&Local> = many.iter().collect();
        assert_eq!(next_batch(&many).map(|(batch, _)| batch.len()), Some(BATCH_FILES));
    }

    #[test]
    fn hidden_files_and_links_stay_at_home() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["index.html", "a/b.js", ".env", ".git/config", ".well-known/x", "a/.DS_Store"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        let (found, skipped) = list(folder.path()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), [".well-known/x", "a/b.js", "index.html"]);
        assert_eq!(found["index.html"].digest, format!("{:x}", Sha256::digest("index.html")));
        let expected =
            [".env (hidden)", ".git/config (hidden)", "a/.DS_Store (hidden)", "link (a symbolic link)"];
        assert_eq!(skipped, expected);
        assert!(list(&folder.path().join("none")).is_err());
    }
}
