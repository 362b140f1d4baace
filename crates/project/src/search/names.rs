//! Finding files and folders by what somebody types of their names (reference `http-api.md` §6.6,
//! `/find/file`). The files of a folder are listed once and kept for a while, so that each further letter
//! is answered at once.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use opencode_fuzzy::{Needle, Scorer};

use super::{Error, walk};

/// Files of a folder that are listed.
const MOST_FILES: usize = 100_000;
/// How long listing may take: what was found until then is the list.
const LISTING_LIMIT: Duration = Duration::from_secs(10);
/// Folders whose lists are kept.
const KEPT: usize = 4;
/// Listing that takes less is done again whenever somebody asks.
const QUICK: Duration = Duration::from_millis(100);
/// A list is old when it is this many times as old as it took to make.
const OLD: u32 = 20;

/// What to find.
#[derive(Clone, Debug)]
pub struct Named {
    /// Where to look. Results are relative to it.
    pub directory: PathBuf,
    /// What was typed; nothing finds everything.
    pub typed: String,
    /// Whether files are wanted.
    pub files: bool,
    /// Whether folders are wanted; they end in a slash.
    pub folders: bool,
    /// How many at most.
    pub limit: usize,
}

/// The lists of folders. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    kept: VecDeque<Kept>,
    /// Who lists a folder holds its gate: the others wait for that list.
    gates: HashMap<PathBuf, Weak<Mutex<()>>>,
}

#[derive(Debug)]
struct Kept {
    directory: PathBuf,
    list: Arc<List>,
    /// Somebody lists it again.
    is_refreshed: bool,
}

#[derive(Debug)]
struct List {
    files: Vec<Box<str>>,
    folders: Vec<Box<str>>,
    made: Instant,
    took: Duration,
}

impl Names {
    /// Finds by name: what fits best comes first, of equals the shorter.
    ///
    /// # Errors
    /// There is no such folder.
    pub async fn find(&self, query: Named) -> Result<Vec<String>, Error> {
        let names = self.clone();
        let work = move || {
            let list = names.list(&query.directory)?;
            Ok(list.best(&query))
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::Broken)?
    }

    /// The list of a folder: the kept one unless it is old. An old one that was slow to make is given once
    /// more, while it is made again beside.
    fn list(&self, directory: &Path) -> Result<Arc<List>, Error> {
        let known = {
            let mut all = self.lock();
            let known = all.kept.iter_mut().find(|kept| kept.directory == directory);
            known.and_then(|kept| {
                let list = Arc::clone(&kept.list);
                if !list.is_old() {
                    return Some(list);
                }
                if list.took < QUICK {
                    return None;
                }
                if !std::mem::replace(&mut kept.is_refreshed, true) {
                    let (names, directory) = (self.clone(), directory.to_owned());
                    // Ends by itself: listing has a limit.
                    std::thread::spawn(move || names.make(&directory).map(drop));
                }
                Some(list)
            })
        };
        match known {
            Some(list) => Ok(list),
            None => self.make(directory),
        }
    }

    fn make(&self, directory: &Path) -> Result<Arc<List>, Error> {
        let gate = self.gate(directory);
        let _gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let meanwhile = self.lock().kept.iter().find_map(|kept| {
            let fits = kept.directory == directory && !kept.list.is_old();
            fits.then(|| Arc::clone(&kept.list))
        });
        if let Some(list) = meanwhile {
            return Ok(list);
        }
        let made = List::make(directory).map(Arc::new);
        let kept = &mut self.lock().kept;
        kept.retain(|kept| kept.directory != directory);
        let list = made?;
        kept.truncate(KEPT - 1);
        kept.push_front(Kept {
            directory: directory.to_owned(),
            list: Arc::clone(&list),
            is_refreshed: false,
        });
        Ok(list)
    }

    fn gate(&self, directory: &Path) -> Arc<Mutex<()>> {
        let gates = &mut self.lock().gates;
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = gates.get(directory).and_then(Weak::upgrade).unwrap_or_default();
        gates.insert(directory.to_owned(), Arc::downgrade(&gate));
        gate
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn make(directory: &Path) -> Result<Self, Error> {
        let made = Instant::now();
        let walk = walk::files(directory, None, true)?;
        let mut files: Vec<Box<str>> = Vec::new();
        let mut folders: BTreeSet<Box<str>> = BTreeSet::new();
        for path in walk.take_while(|_| made.elapsed() < LISTING_LIMIT).flatten() {
            // A name that is no text cannot be typed or sent.
            let Some(path) = path.to_str() else { continue };
            let mut rest = path;
            while let Some((folder, _)) = rest.rsplit_once('/') {
                let folder = format!("{folder}/").into_boxed_str();
                if !folders.insert(folder) {
                    break;
                }
                rest = rest.rsplit_once('/').map_or("", |(folder, _)| folder);
            }
            files.push(path.into());
            if files.len() == MOST_FILES {
                break;
            }
        }
        Ok(Self {
            files,
            folders: folders.into_iter().collect(),
            made,
            took: made.elapsed(),
        })
    }

    fn is_old(&self) -> bool {
        self.made.elapsed() >= self.took * OLD
    }

    fn best(&self, query: &Named) -> Vec<String> {
        let needle = Needle::new(&query.typed);
        // Everything is too much when nothing was typed: folders only come when they alone are wanted.
        let with_folders = query.folders && !(needle.is_empty() && query.files);
        let files = self.files.iter().filter(|_| query.files);
        let folders = self.folders.iter().filter(|_| with_folders);
        let mut scorer = Scorer::default();
        let mut found: Vec<(f64, &str)> = files
            .chain(folders)
            .filter_map(|path| {
                let score = if needle.is_empty() {
                    0.0
                } else {
                    scorer.score(&needle, path)?
                };
                Some((score, &**path))
            })
            .collect();
        found.sort_by(|(score, path), (other_score, other)| {
            let by_length = || path.len().cmp(&other.len()).then_with(|| path.cmp(other));
            other_score.total_cmp(score).then_with(by_length)
        });
        found.truncate(query.limit);
        found.into_iter().map(|(_, path)| path.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use tempfile::TempDir;

    use super::*;

    fn tree(files: &[&str]) -> TempDir {
        let tree = TempDir::new().unwrap();
        for file in files {
            let path = tree.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        tree
    }

    fn named(tree: &TempDir, typed: &str) -> Named {
        Named {
            directory: tree.path().to_owned(),
            typed: typed.to_owned(),
            files: true,
            folders: true,
            limit: 10,
        }
    }

    const FILES: &[&str] = &[
        "README.md",
        "src/beta.rs",
        "src/alpha/beta.rs",
        "gamma/delta.md",
        ".hid/h.txt",
        ".git/config",
        "skip.txt",
        ".ignore",
    ];

    #[tokio::test]
    async fn the_best_fit_comes_first() {
        let tree = tree(FILES);
        fs_err::write(tree.path().join(".ignore"), "skip.txt\n").unwrap();
        let names = Names::default();
        for (typed, wanted) in [
            ("beta", vec!["src/beta.rs", "src/alpha/beta.rs"]),
            ("gamma", vec!["gamma/", "gamma/delta.md"]),
            ("md read", vec!["README.md"]),
            ("hid", vec![".hid/", ".hid/h.txt"]),
            ("skip", vec![]),
            ("config", vec![]),
        ] {
            assert_eq!(names.find(named(&tree, typed)).await.unwrap(), wanted, "{typed}");
        }
        let folders = Named {
            files: false,
            ..named(&tree, "")
        };
        assert_eq!(
            names.find(folders).await.unwrap(),
            ["src/", ".hid/", "gamma/", "src/alpha/"]
        );
        let two = Named {
            limit: 2,
            ..named(&tree, "")
        };
        assert_eq!(names.find(two).await.unwrap(), [".ignore", "README.md"]);
    }

    #[tokio::test]
    async fn an_old_list_is_given_while_it_is_made_again() {
        let tree = tree(&["old.txt"]);
        let names = Names::default();
        names.find(named(&tree, "old")).await.unwrap();
        let long_ago = Instant::now().checked_sub(Duration::from_secs(3600)).unwrap();
        // As if it had taken long.
        let slow = Arc::new(List {
            files: vec!["kept.txt".into()],
            folders: Vec::new(),
            made: long_ago,
            took: QUICK,
        });
        names.lock().kept[0].list = slow;
        assert_eq!(names.find(named(&tree, "txt")).await.unwrap(), ["kept.txt"]);
        let again = async {
            while names.find(named(&tree, "txt")).await.unwrap() != ["old.txt"] {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), again)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn few_lists_are_kept() {
        let trees: Vec<TempDir> = (0..KEPT + 2).map(|_| tree(&["a"])).collect();
        let names = Names::default();
        for tree in &trees {
            names.find(named(tree, "a")).await.unwrap();
        }
        assert_eq!(names.lock().kept.len(), KEPT);
        let missing = Named {
            directory: trees[0].path().join("none"),
            ..named(&trees[0], "a")
        };
        assert!(matches!(names.find(missing).await, Err(Error::Directory { .. })));
    }
}
