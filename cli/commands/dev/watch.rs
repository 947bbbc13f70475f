//! Which files change: one watch a folder, so that what tools write (`target`, `node_modules`) costs nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::mpsc::Sender,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, recommended_watcher};

use super::{Message, changes::is_ignored};
use crate::failure::Failure;

/// Folders that are watched at most; what is beyond is told once.
const MAX_FOLDERS: usize = 5_000;

/// A watched project.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    root: PathBuf,
    watched: BTreeSet<PathBuf>,
    /// Files that count although they are in a folder of a tool, or outside the project.
    wanted: BTreeSet<PathBuf>,
}

impl Watch {
    /// Watches a folder, given by its absolute path, and all that is below it and not a tool's.
    pub(super) fn start(root: &Path, messages: Sender<Message>) -> Result<Self, Failure> {
        let watcher = recommended_watcher(move |event: notify::Result<Event>| {
            if let Ok(event) = event
                && !matches!(event.kind, EventKind::Access(_))
            {
                // Nobody listens at the end.
                let _ = messages.send(Message::Changed(event.paths));
            }
        })
        .map_err(|error| refused(root, &error))?;
        let root = root.to_owned();
        let mut watch = Self { watcher, root, watched: BTreeSet::new(), wanted: BTreeSet::new() };
        let root = watch.root.clone();
        watch.cover(&root)?;
        Ok(watch)
    }

    /// Whether a change of this file counts.
    pub(super) fn counts(&self, path: &Path) -> bool {
        let inside = path.strip_prefix(&self.root);
        self.wanted.contains(path) || inside.is_ok_and(|inside| !is_ignored(inside))
    }

    /// Watches a folder that has appeared; answers the files that are in it already, since nobody saw them come.
    pub(super) fn appeared(&mut self, folder: &Path) -> Vec<PathBuf> {
        // What can't be watched is edited without us: the next `r` builds it.
        self.cover(folder).unwrap_or_default()
    }

    /// These files count, wherever they are.
    pub(super) fn want(&mut self, files: &BTreeSet<PathBuf>) {
        for file in files.difference(&self.wanted.clone()) {
            if let Some(folder) = file.parent().filter(|folder| folder.is_dir()) {
                // A folder that can't be watched: see above.
                let _ = self.watch(folder);
            }
            self.wanted.insert(file.clone());
        }
    }

    fn cover(&mut self, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
        let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            if folder.strip_prefix(&self.root).is_ok_and(is_ignored) || self.watched.contains(&folder) {
                continue;
            }
            self.watch(&folder)?;
            // A folder that is gone again has nothing in it.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(_) => files.push(entry.path()),
                    Err(_) => {}
                }
            }
        }
        Ok(files)
    }

    fn watch(&mut self, folder: &Path) -> Result<(), Failure> {
        if self.watched.len() >= MAX_FOLDERS {
            return Err(Failure::local(format!("more than {MAX_FOLDERS} folders would have to be watched"))
                .hint("run `ostro dev` in a smaller folder: the project's own"));
        }
        self.watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| refused(folder, &error))?;
        self.watched.insert(folder.to_owned());
        Ok(())
    }

    /// A folder that is gone is watched again when it comes back.
    pub(super) fn gone(&mut self, folder: &Path) {
        self.watched.retain(|watched| !watched.starts_with(folder));
    }
}

fn refused(folder: &Path, error: &notify::Error) -> Failure {
    let failure = Failure::local(format!("{} can't be watched: {error}", folder.display()));
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            failure.hint("raise the limit: `sysctl fs.inotify.max_user_watches=65536`")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Receiver, channel},
        time::Duration,
    };

    use super::*;

    /// Waits until that file was named by a change.
    fn sees(messages: &Receiver<Message>, path: &Path) -> bool {
        while let Ok(message) = messages.recv_timeout(Duration::from_secs(2)) {
            if matches!(&message, Message::Changed(paths) if paths.iter().any(|changed| changed == path)) {
                return true;
            }
        }
        false
    }

    #[test]
    fn files_of_the_project_are_seen_and_those_of_tools_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["src", "target/debug", "node_modules/a"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        let (sender, messages) = channel();
        let mut watch = Watch::start(&root, sender).unwrap();
        assert_eq!(watch.watched, BTreeSet::from([root.clone(), root.join("src")]));

        fs::write(root.join("target/debug/x"), "x").unwrap();
        let file = root.join("src/app.js");
        fs::write(&file, "x").unwrap();
        assert!(sees(&messages, &file) && watch.counts(&file));

        let late = root.join("lib/deep");
        fs::create_dir_all(&late).unwrap();
        fs::write(late.join("a.js"), "x").unwrap();
        assert!(sees(&messages, &root.join("lib")));
        assert_eq!(watch.appeared(&root.join("lib")), [late.join("a.js")]);
        fs::write(late.join("b.js"), "x").unwrap();
        assert!(sees(&messages, &late.join("b.js")));

        let made = root.join("target/debug/x");
        assert!(!watch.counts(&made));
        watch.want(&BTreeSet::from([made.clone()]));
        fs::write(&made, "y").unwrap();
        assert!(sees(&messages, &made) && watch.counts(&made));

        watch.gone(&root.join("lib"));
        assert!(!watch.watched.contains(&late) && watch.watched.contains(&root.join("src")));
    }
}
