//! Fetching skills from addresses (reference `agents-commands-permissions.md` §4.2).
//!
//! Opening a folder waits for it, but never longer than [`WHOLE_LIMIT`]. What cannot be had, or not in time,
//! stays as it was fetched last.

use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use opencode_config::Paths;
use opencode_config::skill::remote::{self, Entry, Index};
use opencode_schema::config::Config;
use url::Url;

use crate::Ground;
use crate::web::Web;

/// How long everything may take, and one answer of it.
const WHOLE_LIMIT: Duration = Duration::from_secs(5);
const FILE_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of a list and of a file.
const INDEX_BYTES: usize = 1 << 20;
const FILE_BYTES: usize = 10 << 20;
/// How many are asked for at once.
const ADDRESSES: usize = 4;
const SKILLS: usize = 4;
const FILES: usize = 8;

/// Fetches what the addresses of `config` list that have not been asked yet. Whether there were any.
pub(crate) async fn refresh(ground: &Ground, config: &Config) -> bool {
    let addresses: Vec<&String> = {
        let mut asked = ground
            .asked_for_skills
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let configured = config
            .skills
            .iter()
            .flat_map(|skills| skills.urls.iter().flatten());
        configured
            .filter(|address| asked.insert((*address).clone()))
            .collect()
    };
    if addresses.is_empty() {
        return false;
    }
    fetch(&ground.web, &ground.paths, addresses).await;
    true
}

async fn fetch(web: &Web, paths: &Paths, addresses: Vec<&String>) {
    let each = addresses.into_iter().map(|address| {
        let fetching = async move {
            if let Err(error) = one(web, paths, address).await {
                tracing::warn!(error, "skills at an address are as they were fetched last");
            }
        };
        fetching.boxed()
    });
    let fetching = all(each.collect(), ADDRESSES);
    if tokio::time::timeout(WHOLE_LIMIT, fetching).await.is_err() {
        tracing::warn!("skills at addresses took too long and are as they were fetched last");
    }
}

async fn one(web: &Web, paths: &Paths, address: &str) -> Result<(), String> {
    let base = address.trim_end_matches('/');
    let text = get(web, &format!("{base}/index.json"), INDEX_BYTES).await?;
    let index = Index::parse(&text).ok_or("it is no list of skills")?;
    let cache = remote::cache(paths);
    let each = index.skills.iter().map(|entry| {
        let folder = cache.join(&entry.name);
        let fetching = async move {
            if let Err(error) = skill(web, base, entry, &folder).await {
                tracing::warn!(name = entry.name, error, "a skill could not be fetched");
            }
        };
        fetching.boxed()
    });
    all(each.collect(), SKILLS).await;
    let list = remote::index(paths, address);
    let text = serde_json::to_vec(&index).map_err(|error| error.to_string())?;
    write(&list, &text).await
}

/// Fetches a skill. With a version that is not there: all of it, or nothing. Without: what is missing.
async fn skill(web: &Web, base: &str, entry: &Entry, folder: &Path) -> Result<(), String> {
    let known = tokio::fs::read_to_string(folder.join(remote::VERSION)).await.ok();
    let Some(version) = entry
        .version
        .as_ref()
        .filter(|version| Some(*version) != known.as_ref())
    else {
        return files(web, base, entry, folder).await;
    };
    let beside = |kind: &str| folder.with_file_name(format!(".{}.{kind}-{}", entry.name, std::process::id()));
    let (fresh, old) = (beside("new"), beside("old"));
    let fetched = async {
        files(web, base, entry, &fresh).await?;
        write(&fresh.join(remote::VERSION), version.as_bytes()).await?;
        let had_one = tokio::fs::rename(folder, &old).await.is_ok();
        if let Err(error) = tokio::fs::rename(&fresh, folder).await {
            if had_one {
                let _ = tokio::fs::rename(&old, folder).await;
            }
            return Err(error.to_string());
        }
        Ok(())
    };
    let fetched = fetched.await;
    // What is left of either is of no use.
    let _ = tokio::fs::remove_dir_all(&fresh).await;
    let _ = tokio::fs::remove_dir_all(&old).await;
    fetched
}

async fn files(web: &Web, base: &str, entry: &Entry, folder: &Path) -> Result<(), String> {
    let each = entry
        .files
        .iter()
        .map(|file| missing(web, base, &entry.name, file, folder).boxed());
    all(each.collect(), FILES).await.into_iter().collect()
}

/// Fetches a file that is not there.
async fn missing(web: &Web, base: &str, skill: &str, file: &str, folder: &Path) -> Result<(), String> {
    let path = folder.join(file);
    if tokio::fs::try_exists(&path).await.unwrap_or(false) {
        return Ok(());
    }
    let mut address = Url::parse(base).map_err(|error| error.to_string())?;
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.push(skill).extend(file.split('/'));
    }
    let bytes = get(web, address.as_str(), FILE_BYTES).await?;
    write(&path, &bytes).await
}

/// Does all of it, so many at once.
async fn all<T>(work: Vec<BoxFuture<'_, T>>, at_once: usize) -> Vec<T> {
    stream::iter(work).buffer_unordered(at_once).collect().await
}

async fn get(web: &Web, address: &str, bytes: usize) -> Result<Vec<u8>, String> {
    let request = web.client()?.get(address);
    Web::answer(request, FILE_LIMIT, bytes).await
}

/// Writes a file beside its place first: what is read while it is written is whole.
async fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let folder = path.parent().ok_or("it has no place")?;
    tokio::fs::create_dir_all(folder).await.map_err(told)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let half = folder.join(format!(".{name}.{}", std::process::id()));
    tokio::fs::write(&half, bytes).await.map_err(told)?;
    tokio::fs::rename(&half, path).await.map_err(told)
}

#[cfg(test)]
mod tests {
    use opencode_config::Environment;
    use tempfile::TempDir;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_answers_is_given_up() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let home = TempDir::new().unwrap();
        let environment: Environment = [("HOME".to_owned(), home.path().display().to_string())]
            .into_iter()
            .collect();
        let address = format!("http://{}", silent.local_addr().unwrap());
        let began = tokio::time::Instant::now();
        fetch(&Web::default(), &Paths::new(&environment), vec![&address]).await;
        assert!(began.elapsed() <= WHOLE_LIMIT, "{:?}", began.elapsed());
    }
}
