//! References: other folders and repositories that an agent may look into, by a name
//! (reference `agents-commands-permissions.md` §8).
//!
//! Where they are is decided here; fetching repositories is not.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::paths::plain;
use crate::{Environment, Loaded, Paths, Place, origin};

/// Stands before `owner/repository` of GitHub instead of its address.
const GITHUB_BASE: &str = "OPENCODE_REPO_CLONE_GITHUB_BASE_URL";

/// A folder that models may be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Where it is, or will be when it has been fetched.
    pub path: PathBuf,
    /// What it is for; without it models are not told.
    pub description: Option<String>,
    /// Whether lists are asked not to offer it.
    pub hidden: Option<bool>,
    /// Where it is fetched from.
    pub repository: Option<Repository>,
}

/// A repository that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// What configuration calls it.
    pub named: String,
    /// What git is given.
    pub remote: String,
    /// The branch that is wanted.
    pub branch: Option<String>,
}

/// The references of a configuration, in its order. What has an impossible name or address is left out.
#[must_use]
pub fn all(loaded: &Loaded, place: Place<'_>, paths: &Paths, environment: &Environment) -> Vec<Reference> {
    let effective = &loaded.effective;
    let key = ["references", "reference"]
        .into_iter()
        .find(|key| effective.get(key).is_some());
    let declared = key.and_then(|key| effective.get(key)?.as_object());
    let entries = declared.into_iter().flatten();
    entries
        .filter(|(name, _)| is_name(name))
        .filter_map(|(name, value)| {
            let field = |field: &str| value.get(field).and_then(Value::as_str);
            let description = field("description").map(str::to_owned);
            let hidden = value.get("hidden").and_then(Value::as_bool);
            let (path, repository) = match local(value) {
                Some(path) => (folder(name, path, place, paths, loaded), None),
                None => {
                    let address = value.as_str().or_else(|| field("repository"))?;
                    let (path, repository) = fetched(address, field("branch"), paths, environment)?;
                    (path, Some(repository))
                }
            };
            Some(Reference {
                name: name.clone(),
                path,
                description,
                hidden,
                repository,
            })
        })
        .collect()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || matches!(c, '/' | ',' | '`'))
}

/// The path of a reference that is a folder of this machine.
fn local(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text.as_str()).filter(|text| text.starts_with(['.', '/', '~'])),
        value => value.get("path")?.as_str(),
    }
}

fn folder(name: &str, path: &str, place: Place<'_>, paths: &Paths, loaded: &Loaded) -> PathBuf {
    if let Some(rest) = path.strip_prefix("~/") {
        return paths.home.join(rest);
    }
    if Path::new(path).is_absolute() {
        return PathBuf::from(path);
    }
    let below = declared_in(name, loaded).unwrap_or(place.directory);
    plain(&below.join(path))
}

/// The folder of the last file that declares a reference, if it is one of this machine.
fn declared_in<'a>(name: &str, loaded: &'a Loaded) -> Option<&'a Path> {
    let said = loaded.layers.iter().flat_map(origin::said_by);
    let declares = |said: &Value| {
        let mut keys = ["references", "reference"].into_iter();
        keys.any(|key| said.get(key).and_then(|all| all.get(name)).is_some())
    };
    let (file, _) = said.rev().find(|(_, said)| declares(said))?;
    Path::new(file).parent().filter(|folder| folder.is_absolute())
}

/// Where a repository is kept, and what it is fetched from.
fn fetched(
    address: &str,
    branch: Option<&str>,
    paths: &Paths,
    environment: &Environment,
) -> Option<(PathBuf, Repository)> {
    let known = branch.is_none_or(|branch| {
        !branch.starts_with('-')
            && !branch.contains("..")
            && !branch.is_empty()
            && branch
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.' | '-'))
    });
    if !known {
        return None;
    }
    let Address {
        host,
        segments,
        remote,
    } = parse(address)?;
    let mut path = paths.data.join("repos");
    path.extend(host.split(':').chain(segments.iter().map(String::as_str)));
    if let Some(branch) = branch {
        path.as_mut_os_string()
            .push(format!("@{}", branch.replace('/', "%2F")));
    }
    let whole = segments.join("/");
    let remote = remote.unwrap_or_else(|| match (host.as_str(), environment.get(GITHUB_BASE)) {
        ("github.com", Some(base)) => format!("{}/{whole}.git", base.trim_end_matches('/')),
        (host, _) => format!("https://{host}/{whole}.git"),
    });
    let repository = Repository {
        named: address.to_owned(),
        remote,
        branch: branch.map(str::to_owned),
    };
    Some((path, repository))
}

struct Address {
    host: String,
    segments: Vec<String>,
    /// As it was given, when it says everything.
    remote: Option<String>,
}

/// `github:owner/name`, `user@host:path`, `host/path`, `owner/name`, or an address with a scheme.
fn parse(address: &str) -> Option<Address> {
    let text = address.trim();
    let text = text.strip_prefix("git+").unwrap_or(text);
    let text = text.split('#').next().unwrap_or(text).trim_end_matches('/');
    if let Some(short) = text.strip_prefix("github:") {
        let segments = segments(short);
        return (segments.len() == 2)
            .then(|| made("github.com", segments, None))
            .flatten();
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        // Others can name programs or files of this machine.
        if !["https", "http", "ssh", "git"].contains(&scheme) {
            return None;
        }
        let (authority, path) = rest.split_once('/')?;
        let host = authority.rsplit('@').next().unwrap_or(authority);
        let remote = (host != "github.com").then(|| text.to_owned());
        return made(host, segments(path), remote);
    }
    if let Some((before, path)) = text.split_once(':')
        && !before.contains('/')
    {
        let host = before.rsplit('@').next().unwrap_or(before);
        return made(host, segments(path), Some(text.to_owned()));
    }
    let all = segments(text);
    match all.split_first() {
        Some((host, rest)) if all.len() >= 2 && (host.contains('.') || host == "localhost") => {
            made(host, rest.to_vec(), None)
        }
        Some(_) if all.len() == 2 => made("github.com", all, None),
        _ => None,
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .map(|part| part.trim().trim_end_matches(".git").to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

fn made(host: &str, segments: Vec<String>, remote: Option<String>) -> Option<Address> {
    let bent = |c: char| c.is_whitespace() || matches!(c, '/' | '\\');
    let host_is_plain = !host.is_empty()
        && !host.starts_with('-')
        && !host.contains(bent)
        && host.split(':').all(|part| !matches!(part, "" | "." | ".."));
    let path_is_plain = segments
        .iter()
        .all(|part| part != "." && part != ".." && !part.contains(':') && !part.contains(bent));
    let remote_is_plain = remote.as_ref().is_none_or(|remote| !remote.starts_with('-'));
    (host_is_plain && path_is_plain && remote_is_plain && !segments.is_empty()).then(|| Address {
        host: host.to_lowercase(),
        segments,
        remote,
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn addresses() {
        let environment: Environment = [("HOME".to_owned(), "/h".to_owned())].into_iter().collect();
        let paths = Paths::new(&environment);
        let told = |address: &str, branch: Option<&str>| {
            let (path, repository) = fetched(address, branch, &paths, &environment)?;
            let below = path
                .strip_prefix("/h/.local/share/opencode/repos")
                .unwrap()
                .display()
                .to_string();
            Some((below, repository.remote))
        };
        for (address, branch, wanted) in [
            (
                "owner/repo",
                None,
                Some(("github.com/owner/repo", "https://github.com/owner/repo.git")),
            ),
            (
                "github:owner/repo",
                Some("a/b"),
                Some(("github.com/owner/repo@a%2Fb", "https://github.com/owner/repo.git")),
            ),
            (
                "https://github.com/owner/repo.git#x",
                None,
                Some(("github.com/owner/repo", "https://github.com/owner/repo.git")),
            ),
            (
                "GitLab.com/a/b/c",
                None,
                Some(("gitlab.com/a/b/c", "https://gitlab.com/a/b/c.git")),
            ),
            (
                "git@host.org:team/repo.git",
                None,
                Some(("host.org/team/repo", "git@host.org:team/repo.git")),
            ),
            (
                "https://u@host:8443/x.git",
                None,
                Some(("host/8443/x", "https://u@host:8443/x.git")),
            ),
            ("file:///etc", None, None),
            ("ext::sh -c id://x", None, None),
            ("-oProxyCommand=id:x/y", None, None),
            ("one", None, None),
            ("host.org/../../x", None, None),
            ("https://..:8/x", None, None),
            ("owner/repo", Some("--upload-pack=x"), None),
            ("owner/repo", Some("a..b"), None),
        ] {
            let wanted = wanted.map(|(path, remote)| (path.to_owned(), remote.to_owned()));
            assert_eq!(told(address, branch), wanted, "{address} {branch:?}");
        }
    }

    #[test]
    fn folders_count_from_the_file_that_names_them() {
        let tree = TempDir::new().unwrap();
        let root = tree.path();
        fs_err::create_dir_all(root.join("project/folder")).unwrap();
        let text = r#"{"references": {"up": "../docs", "home": {"path": "~/x", "description": "d"}, "at": "/abs", "bad name": "./x", "git": {"repository": "a/b"}}}"#;
        fs_err::write(root.join("project/opencode.json"), text).unwrap();
        let home = root.join("home").display().to_string();
        let environment: Environment = [("HOME".to_owned(), home)].into_iter().collect();
        let place = Place {
            directory: &root.join("project/folder"),
            worktree: &root.join("project"),
        };
        let paths = Paths::new(&environment);
        let loaded = crate::load(place, &paths, &environment).unwrap();
        let found = all(&loaded, place, &paths, &environment);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.name.as_str(), one.path.clone(), one.description.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("up", root.join("docs"), None),
                ("home", root.join("home/x"), Some("d")),
                ("at", PathBuf::from("/abs"), None),
                (
                    "git",
                    root.join("home/.local/share/opencode/repos/github.com/a/b"),
                    None
                ),
            ]
        );
        let content = r#"{"references": {"up": "./sub"}}"#.to_owned();
        let inline = environment.with([("OPENCODE_CONFIG_CONTENT".to_owned(), content)]);
        let loaded = crate::load(place, &paths, &inline).unwrap();
        let found = all(&loaded, place, &paths, &inline);
        assert_eq!(found[0].path, root.join("project/folder/sub"));
    }
}
