//! Sessions whose folder is gone: where their project is now, and letting them go on there.

use std::path::{Path, PathBuf};

use opencode_project::identity;
use opencode_schema::Session;
use opencode_store::SessionFilter;

use crate::worktree::is_folder;
use crate::{Engine, Error, Location};

/// A session whose folder is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Stray {
    /// The session.
    pub session: Session,
    /// Where its project is now, if that is known: the same folder of another worktree, or its top.
    pub destination: Option<PathBuf>,
}

impl Engine {
    /// Sessions whose folder is gone, the last used first. Their projects are looked for in the folders in
    /// which they were seen, that of `location` first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn stray_sessions(&self, location: &Location) -> Result<Vec<Stray>, Error> {
        let mut strays: Vec<Stray> = Vec::new();
        let mut homes: std::collections::HashMap<String, Option<PathBuf>> = std::collections::HashMap::new();
        for session in self.sessions(SessionFilter::default()).await? {
            // The folder of a workspace is known to who made it.
            if session.workspace_id.is_some() || is_folder(Path::new(&session.directory)).await {
                continue;
            }
            let project = &session.project_id;
            if !homes.contains_key(project) {
                let home = self.home_of(location, project).await?;
                homes.insert(project.clone(), home);
            }
            let destination = match homes.get(project).and_then(Option::as_ref) {
                Some(home) => Some(folder_in(home, session.path.as_deref()).await),
                None => None,
            };
            strays.push(Stray { session, destination });
        }
        Ok(strays)
    }

    /// A worktree in which a project is now.
    async fn home_of(&self, location: &Location, project: &str) -> Result<Option<PathBuf>, Error> {
        if project == identity::GLOBAL {
            return Ok(None);
        }
        let id = project.to_owned();
        let known = self.inner.store.read(move |view| {
            let found = view.project(&id)?;
            let seen = view.project_directories(&id)?;
            let worktree = found.iter().map(|project| project.worktree.clone());
            let sandboxes = found.iter().flat_map(|project| project.sandboxes.clone());
            // The newest first.
            let seen = seen.into_iter().rev().map(|(directory, _)| directory);
            Ok(worktree.chain(seen).chain(sandboxes).collect::<Vec<String>>())
        });
        let here = (location.project_id == project).then(|| location.directory.clone());
        for folder in here
            .into_iter()
            .chain(known.await?.into_iter().map(PathBuf::from))
        {
            if !is_folder(&folder).await {
                continue;
            }
            let found = identity::discover(&folder).await;
            if found.id == project {
                return Ok(Some(found.worktree));
            }
        }
        Ok(None)
    }
}

/// The same folder in another worktree if it is there, or its top.
async fn folder_in(home: &Path, path: Option<&str>) -> PathBuf {
    let within = path.filter(|path| !path.is_empty() && !path.split('/').any(|name| name == ".."));
    match within.map(|path| home.join(path.trim_start_matches('/'))) {
        Some(folder) if is_folder(&folder).await => folder,
        _ => home.to_owned(),
    }
}
