//! Servers that do not do what they should: bounded, visible, and nobody waits for long.

use std::time::{Duration, Instant};

use opencode_lsp::{Limits, Mode, Position, Question, State};
use opencode_testkit::LanguageServer;
use pretty_assertions::assert_eq;

use crate::support::Project;

fn impatient() -> Limits {
    Limits {
        start: Duration::from_secs(2),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_server_that_does_not_begin_is_not_tried_again() {
    for (name, limits, wanted) in [
        ("never", impatient(), "did not answer `initialize` within 2000 ms"),
        ("exit", Limits::default(), "it ended with code 3"),
        ("garbage", Limits::default(), "prints what is no message"),
        ("huge", Limits::default(), "a message of 104857600 bytes"),
    ] {
        let project = Project::limited(LanguageServer::new().with("start", name), limits);
        let path = project.write("a.own", "BAD");
        let begun = Instant::now();
        for _ in 0..3 {
            project.languages.touch(&path, Mode::Document).await;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{name}");
        let status = project.until(|status| !status.is_empty()).await;
        assert_eq!(status[0].status, State::Error, "{name}");
        let error = status[0].error.clone().unwrap_or_default();
        assert!(error.contains(wanted), "{name}: {error}");
        assert!(project.sent("initialize").len() <= 1, "{name}");
        assert!(!project.languages.serve(&path));
    }
}

#[tokio::test]
async fn a_program_that_is_not_here_is_no_error_of_the_user() {
    let project = Project::configured(serde_json::json!({
        "own": { "command": ["/no/such/server"], "extensions": [".own"] },
        "gopls": {},
    }));
    for name in ["a.own", "a.go"] {
        let path = project.write(name, "");
        project.languages.touch(&path, Mode::Document).await;
    }
    let status = project.languages.status();
    assert_eq!(status.len(), 1, "what was configured is told: {status:?}");
    assert!(status[0].error.as_ref().unwrap().contains("could not start"));
}

#[tokio::test]
async fn what_is_not_here_is_installed_unless_that_is_forbidden() {
    use std::os::unix::fs::PermissionsExt as _;
    for may_install in [false, true] {
        let bin = tempfile::tempdir().unwrap();
        let npm = bin.path().join("npm");
        let server = "mkdir -p node_modules/.bin; printf '#!/bin/sh\\nexit 7\\n' > node_modules/.bin/bash-language-server";
        let text = format!("#!/bin/sh\n{server}; chmod +x node_modules/.bin/*\n");
        fs_err::write(&npm, text).unwrap();
        fs_err::set_permissions(&npm, std::fs::Permissions::from_mode(0o755)).unwrap();
        let project = Project::installing(&format!("{}:/usr/bin:/bin", bin.path().display()), may_install);
        let path = project.write("a.sh", "");
        project.languages.touch(&path, Mode::Document).await;
        let installed = project
            .path("../cache/packages/bash-language-server/node_modules")
            .exists();
        assert_eq!(installed, may_install);
        let errors: Vec<_> = project
            .languages
            .status()
            .into_iter()
            .map(|one| one.error.unwrap())
            .collect();
        assert_eq!(errors.len(), usize::from(may_install));
        assert!(errors.iter().all(|error| error.contains("code 7")), "{errors:?}");
    }
}

#[tokio::test]
async fn an_installation_that_hangs_is_waited_for_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = tempfile::tempdir().unwrap();
    let npm = bin.path().join("npm");
    fs_err::write(&npm, "#!/bin/sh\nsleep 1000\n").unwrap();
    fs_err::set_permissions(&npm, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.path().display());
    let project = Project::installing_within(&path, Duration::from_secs(1));
    let path = project.write("a.sh", "");
    let begun = Instant::now();
    for _ in 0..5 {
        project.languages.touch(&path, Mode::Document).await;
    }
    let took = begun.elapsed();
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(3)).contains(&took),
        "{took:?}"
    );
    assert!(project.languages.status().is_empty());
    let closing = Instant::now();
    project.languages.close().await;
    assert!(closing.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_server_that_says_nothing_holds_nobody_up_beyond_the_limit() {
    let project = Project::new(LanguageServer::new().with("push", false));
    let path = project.write("a.own", "BAD");
    project.languages.warm(&path);
    project.until(|status| !status.is_empty()).await;
    let begun = Instant::now();
    project.languages.touch(&path, Mode::Document).await;
    let took = begun.elapsed();
    assert!(
        (Duration::from_secs(5)..Duration::from_secs(7)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_server_that_dies_is_started_again_after_a_pause() {
    let project = Project::new(LanguageServer::new().with("dies_on", "textDocument/hover"));
    let path = project.write("a.own", "BAD word");
    project.languages.touch(&path, Mode::Document).await;
    let begun = Instant::now();
    let answers = project
        .languages
        .ask(&path, Position::default(), Question::Hover)
        .await;
    assert!(answers.is_empty() && begun.elapsed() < Duration::from_secs(5));
    let status = project.until(|status| status[0].status == State::Error).await;
    assert!(status[0].error.as_ref().unwrap().contains("code 9"), "{status:?}");
    let again = async {
        while project.sent("initialize").len() < 2 {
            project.languages.touch(&path, Mode::Document).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::LONG, again)
        .await
        .expect("in time");
    assert!(begun.elapsed() > Duration::from_millis(900), "not at once");
    project.until(|status| status[0].status == State::Connected).await;
}

#[tokio::test]
async fn a_server_that_eats_memory_is_ended() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let limits = Limits {
        memory: Some(200 << 20),
        ..Limits::default()
    };
    let project = Project::limited(LanguageServer::new().with("eats", 400), limits);
    let path = project.write("a.own", "BAD");
    project.languages.touch(&path, Mode::Document).await;
    let status = project
        .until(|status| status.first().is_some_and(|one| one.status == State::Error))
        .await;
    let error = status[0].error.as_ref().unwrap();
    assert!(error.contains("MiB of memory, more than 200"), "{error}");
}

#[tokio::test]
async fn servers_end_with_who_holds_them() {
    let project = Project::new(LanguageServer::new());
    let path = project.write("a.own", "BAD");
    project.languages.touch(&path, Mode::Document).await;
    let log = project.path("../log");
    let languages = project.languages;
    drop(languages);
    let ended = async {
        while !fs_err::read_to_string(&log).unwrap().contains("\"exit\"") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::support::LONG, ended)
        .await
        .expect("in time");
}
