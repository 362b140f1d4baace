//! The name of a remote that is the same however its address is written (reference `sessions.md` §6,
//! rule 2).

use url::Url;

/// `host/path` of a remote on the network: `https://GitHub.com/a/b.git`, `git@github.com:a/b` and
/// `ssh://git@github.com:22/a/b` are all `github.com/a/b`. Nothing for a path on this machine.
///
/// Parity: `host:path` without user is an address with the scheme `host` there, so it has no name,
/// unless the host could not be a scheme.
pub(super) fn canonical(remote: &str) -> Option<String> {
    let remote = remote.trim();
    match Url::parse(remote) {
        Ok(url) if url.scheme() == "file" => None,
        Ok(url) => name(url.host_str().unwrap_or_default(), url.path()),
        Err(_) => {
            let (host, path) = secure_copy(remote)?;
            name(host, path)
        }
    }
}

fn name(host: &str, path: &str) -> Option<String> {
    let path = path.trim_start_matches('/');
    let path = path
        .strip_suffix(".git/")
        .or_else(|| path.strip_suffix(".git"))
        .unwrap_or(path);
    let path = path.trim_end_matches('/');
    (!host.is_empty() && !path.is_empty()).then(|| format!("{}/{path}", host.to_lowercase()))
}

/// Host and path of the form that `scp` takes: `[user@]host:path`.
fn secure_copy(remote: &str) -> Option<(&str, &str)> {
    let (login, path) = remote.split_once(':')?;
    if login.is_empty() || login.contains('/') || path.is_empty() || path.contains(['\n', '\r']) {
        return None;
    }
    let host = match login.split_once('@') {
        Some((user, host)) if !user.is_empty() && !host.is_empty() => host,
        _ => login,
    };
    Some((host, path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn remotes_have_one_name() {
        for (remote, wanted) in [
            ("https://GitHub.com/Foo/Bar.git", Some("github.com/Foo/Bar")),
            ("https://github.com/Foo/Bar", Some("github.com/Foo/Bar")),
            ("https://user:pw@host/a/b//", Some("host/a/b")),
            ("https://host:8443/a/b.git/", Some("host/a/b")),
            ("https://münchen.de/Ä/b.git", Some("xn--mnchen-3ya.de/%C3%84/b")),
            ("http://[::1]/a", Some("[::1]/a")),
            ("git@github.com:foo/bar.git", Some("github.com/foo/bar")),
            ("git@HOST:/abs/p.git", Some("host/abs/p")),
            ("git@host:a.git/", Some("host/a")),
            ("ssh://git@Host.Example:2222/a/b.git/", Some("host.example/a/b")),
            ("ssh://git@/x", Some("ssh/git@/x")),
            ("host_name:foo/bar.git", Some("host_name/foo/bar")),
            ("github.com:foo/bar", None),
            ("file:///tmp/x.git", None),
            ("/tmp/x.git", None),
            ("../x.git", None),
            ("https://host", None),
            ("https://host/.git", None),
            ("C:/work/x.git", None),
            ("", None),
            (":", None),
        ] {
            assert_eq!(canonical(remote).as_deref(), wanted, "{remote}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(remote in ".*") {
            if let Some(name) = canonical(&remote) {
                prop_assert!(name.contains('/'));
            }
        }

        #[test]
        fn the_way_of_writing_does_not_matter(host in "[a-z]{1,8}\\.[a-z]{2,3}", path in "[a-z]{1,5}/[a-z]{1,5}") {
            let wanted = Some(format!("{host}/{path}"));
            prop_assert_eq!(&canonical(&format!("https://{host}/{path}.git")), &wanted);
            prop_assert_eq!(&canonical(&format!("git@{}:{path}", host.to_uppercase())), &wanted);
            prop_assert_eq!(&canonical(&format!("ssh://git@{host}:22/{path}/")), &wanted);
        }
    }
}
