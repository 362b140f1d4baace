//! Tokens of connections: how they are renewed, and what happens when they are not good enough.

use pretty_assertions::assert_eq;

use super::*;

const AT: &str = "/.well-known/oauth-protected-resource/mcp";

/// A login that is stored; the token lasts so many seconds more.
pub(super) fn entry(server: &Server, lasts: f64) -> Value {
    server.give("old", "renew-old", "read");
    json!({ "t": {
        "tokens": {
            "accessToken": "old", "refreshToken": "renew-old", "scope": "read",
            "expiresAt": super::super::store::now() + lasts,
        },
        "clientInfo": { "clientId": "made-for-you" },
        "serverUrl": server.url(),
    } })
}

fn refusal(server: &Server, token: Option<&str>) -> Challenge {
    Challenge {
        status: 401,
        header: Some(format!(r#"Bearer resource_metadata="{}{AT}""#, server.base())),
        token: token.map(Into::into),
    }
}

async fn token(authorizer: &Arc<dyn Authorizer>) -> Option<String> {
    let token = within(authorizer.token()).await.unwrap();
    token.map(|token| token.expose_secret().to_owned())
}

#[tokio::test]
async fn tokens_are_renewed_before_they_end() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    world.store(&entry(&server, 3600.0));
    let authorizer = authorizer(&world.oauth, &remote(&server));
    assert_eq!(token(&authorizer).await.as_deref(), Some("old"));
    assert_eq!(server.asked(), [""; 0]);

    world.store(&entry(&server, 5.0));
    let renewed = token(&authorizer).await.unwrap();
    assert_ne!(renewed, "old");
    let asked = server.all("POST /token").remove(0).form();
    assert_eq!(
        [&asked["grant_type"], &asked["refresh_token"], &asked["client_id"]],
        ["refresh_token", "renew-old", "made-for-you"]
    );
    assert_eq!(asked["resource"], format!("{}/mcp", server.base()));
    let stored = &world.stored()["t"];
    assert_eq!(stored["tokens"]["accessToken"], json!(renewed));
    assert_ne!(stored["tokens"]["refreshToken"], "renew-old");
    assert_eq!(stored["clientInfo"]["clientId"], "made-for-you");
    assert_eq!(token(&authorizer).await.unwrap(), renewed);
    assert_eq!(server.all("POST /token").len(), 1);
}

#[tokio::test]
async fn a_login_counts_from_the_next_request_on() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let authorizer = authorizer(&world.oauth, &remote(&server));
    let mut changes = world.oauth.changes();
    assert_eq!(token(&authorizer).await, None);
    assert_eq!(
        authorizer.refused(refusal(&server, None)).await,
        Err(Unauthorized::Login)
    );
    // Somebody logs in, with another program.
    let another = world.another();
    let begun = another.begin("t", &remote(&server)).await.unwrap();
    let login = another.logins().get("t").cloned().unwrap();
    browse(&begun.url).await;
    within(login.end()).await.unwrap();
    authorizer.refused(refusal(&server, None)).await.unwrap();
    assert!(token(&authorizer).await.is_some());
    // Or with this one.
    world.log_in(&remote(&server)).await.unwrap();
    within(changes.changed()).await.unwrap();
    assert!(token(&authorizer).await.is_some());
    // What is stored for another address is nothing here.
    let mut moved = remote(&server);
    moved.url.push_str("/more");
    assert_eq!(token(&super::authorizer(&world.oauth, &moved)).await, None);
    world.oauth.remove("t").await.unwrap();
    assert_eq!(token(&authorizer).await, None);
}

#[tokio::test]
async fn many_programs_renew_once() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    world.store(&entry(&server, 3600.0));
    server.revoke();
    let programs: Vec<OAuth> = (0..8).map(|_| world.another()).collect();
    let guards = programs
        .iter()
        .map(|program| authorizer(program, &remote(&server)));
    let guards: Vec<_> = guards.collect();
    let refused = guards
        .iter()
        .map(|guard| guard.refused(refusal(&server, Some("old"))));
    for refused in within(futures_util::future::join_all(refused)).await {
        refused.unwrap();
    }
    assert_eq!(server.all("POST /token").len(), 1);
    let mut tokens = Vec::new();
    for guard in &guards {
        tokens.push(token(guard).await.unwrap());
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
}

#[tokio::test]
async fn logins_that_are_over_are_forgotten() {
    for (status, code, kept) in [
        (
            400,
            "invalid_grant",
            json!({ "clientInfo": { "clientId": "made-for-you" } }),
        ),
        (401, "invalid_client", Value::Null),
        (401, "unauthorized_client", Value::Null),
    ] {
        let script = Script {
            refresh_error: Some((status, code)),
            ..Script::default()
        };
        let (world, server) = (World::new(), Server::start(script).await);
        world.store(&entry(&server, 3600.0));
        let authorizer = authorizer(&world.oauth, &remote(&server));
        let refused = authorizer.refused(refusal(&server, Some("old"))).await;
        assert_eq!(refused, Err(Unauthorized::Login), "{code}");
        let mut stored = world.stored()["t"].take();
        if let Some(fields) = stored.as_object_mut() {
            fields.shift_remove("serverUrl");
        }
        assert_eq!(stored, kept, "{code}");
        // The next one does not ask again.
        let asked = server.all("POST /token").len();
        assert_eq!(token(&authorizer).await, None);
        assert_eq!(server.all("POST /token").len(), asked);
    }
}

#[tokio::test]
async fn what_fails_for_now_loses_nothing() {
    let script = Script {
        refresh_error: Some((503, "temporarily_unavailable")),
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    server
        .script()
        .instead
        .insert("/token".to_owned(), (503, String::new()));
    let before = entry(&server, 5.0);
    world.store(&before);
    let authorizer = authorizer(&world.oauth, &remote(&server));
    // The old one is good for the moment.
    assert_eq!(token(&authorizer).await.as_deref(), Some("old"));
    let refused = authorizer.refused(refusal(&server, Some("old"))).await;
    assert!(matches!(refused, Err(Unauthorized::Failed(_))), "{refused:?}");
    assert_eq!(world.stored(), before);
}

#[tokio::test]
async fn a_renewed_token_that_is_refused_too_is_not_renewed_again() {
    let script = Script {
        renewed_are_good: false,
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    world.store(&entry(&server, 3600.0));
    let authorizer = authorizer(&world.oauth, &remote(&server));
    authorizer.refused(refusal(&server, Some("old"))).await.unwrap();
    let renewed = token(&authorizer).await.unwrap();
    for _ in 0..3 {
        let refused = authorizer.refused(refusal(&server, Some(&renewed))).await;
        assert_eq!(refused, Err(Unauthorized::Login));
    }
    assert_eq!(server.all("POST /token").len(), 1);
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let no_registration =
        "Server does not support dynamic client registration. Please provide clientId in config.";
    let cases: Vec<(Script, Status)> = vec![
        (Script::default(), Status::NeedsAuth),
        (
            Script {
                registers: false,
                ..Script::default()
            },
            Status::NeedsClientRegistration {
                error: no_registration.to_owned(),
            },
        ),
        (
            Script {
                metadata: None,
                resource_metadata: None,
                ..Script::default()
            },
            Status::NeedsAuth,
        ),
    ];
    for (script, wanted) in cases {
        let (world, server) = (World::new(), Server::start(script).await);
        let refused = authorizer(&world.oauth, &remote(&server))
            .refused(refusal(&server, None))
            .await;
        assert_eq!(refused.unwrap_err().status(), wanted);
    }
    let script = Script {
        resource: Some("http://evil.test/".to_owned()),
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    let refused = authorizer(&world.oauth, &remote(&server))
        .refused(refusal(&server, None))
        .await;
    let Status::Failed { error } = refused.unwrap_err().status() else {
        panic!()
    };
    assert!(error.contains("evil.test"), "{error}");
}

#[cfg(unix)]
pub(super) mod steps {
    use std::os::unix::fs::PermissionsExt as _;

    use pretty_assertions::assert_eq;

    use super::*;

    /// A program that opens pages: it passes them on to the test.
    pub(in super::super) fn opener(world: &World) -> std::path::PathBuf {
        let (folder, pipe) = (world.home.path().join("bin"), world.home.path().join("pages"));
        fs_err::create_dir_all(&folder).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let path = folder.join("xdg-open");
        fs_err::write(&path, format!("#!/bin/sh\necho \"$1\" > '{}'\n", pipe.display())).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(&path, executable).unwrap();
        pipe
    }

    /// Opens the next page that is to be opened.
    pub(in super::super) async fn open_next(pipe: &std::path::Path) -> HashMap<String, String> {
        let pipe = pipe.to_owned();
        let page = tokio::task::spawn_blocking(move || fs_err::read_to_string(pipe).unwrap());
        let page = within(page).await.unwrap();
        browse(page.trim()).await;
        query(page.trim())
    }

    fn insufficient(server: &Server, scope: &str, token: &str) -> Challenge {
        Challenge {
            status: 403,
            header: Some(format!(
                r#"Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{}{AT}""#,
                server.base()
            )),
            token: Some(token.into()),
        }
    }

    #[tokio::test]
    async fn more_is_asked_for_and_what_there_is_stays() {
        let (world, server) = (World::new(), Server::start(Script::default()).await);
        let pipe = opener(&world);
        world.store(&entry(&server, 3600.0));
        let authorizer = authorizer(&world.oauth, &remote(&server));
        // Two requests that need the same wait for the same.
        let (one, two, page) = tokio::join!(
            authorizer.refused(insufficient(&server, "write", "old")),
            authorizer.refused(insufficient(&server, "write", "old")),
            open_next(&pipe),
        );
        one.unwrap();
        two.unwrap();
        assert_eq!(page["scope"], "read write");
        assert_eq!(server.all("GET /authorize").len(), 1);
        let new = token(&authorizer).await.unwrap();
        assert_ne!(new, "old");
        assert_eq!(world.stored()["t"]["tokens"]["scope"], "read write");
        // The server still refuses: to ask for the same again is no use.
        let refused = authorizer.refused(insufficient(&server, "write", &new)).await;
        assert!(
            matches!(&refused, Err(Unauthorized::Failed(error)) if error.contains("write")),
            "{refused:?}"
        );
        assert_eq!(server.all("GET /authorize").len(), 1);
    }

    #[tokio::test]
    async fn it_does_not_grow_for_ever() {
        let (world, server) = (World::new(), Server::start(Script::default()).await);
        let pipe = opener(&world);
        world.store(&entry(&server, 3600.0));
        let authorizer = authorizer(&world.oauth, &remote(&server));
        for step in 0..3 {
            let now = token(&authorizer).await.unwrap();
            let scope = format!("more-{step}");
            let (refused, _) = tokio::join!(
                authorizer.refused(insufficient(&server, &scope, &now)),
                open_next(&pipe),
            );
            refused.unwrap();
        }
        let now = token(&authorizer).await.unwrap();
        let refused = authorizer.refused(insufficient(&server, "more-4", &now)).await;
        assert!(matches!(refused, Err(Unauthorized::Failed(_))), "{refused:?}");
        assert_eq!(server.all("GET /authorize").len(), 3);
    }

    #[tokio::test]
    async fn nobody_is_waited_for_where_no_page_opens() {
        let (world, server) = (World::new(), Server::start(Script::default()).await);
        world.store(&entry(&server, 3600.0));
        let (oauth, mut notices) = listened(&world.oauth);
        let authorizer = authorizer(&oauth, &remote(&server));
        let refused = within(authorizer.refused(insufficient(&server, "write", "old"))).await;
        assert!(matches!(refused, Err(Unauthorized::Failed(_))), "{refused:?}");
        // Whoever opens it himself is in time for the next request.
        let Notice::BrowserFailed { url, .. } = within(notices.recv()).await.unwrap();
        let login = world.oauth.logins().get("t").cloned().unwrap();
        browse(&url).await;
        within(login.end()).await.unwrap();
        assert_ne!(token(&authorizer).await.unwrap(), "old");
    }

    #[tokio::test]
    async fn other_refusals_are_no_reason_to_log_in() {
        let (world, server) = (World::new(), Server::start(Script::default()).await);
        world.store(&entry(&server, 3600.0));
        let authorizer = authorizer(&world.oauth, &remote(&server));
        let mut challenge = insufficient(&server, "write", "old");
        challenge.header = None;
        assert!(matches!(
            authorizer.refused(challenge).await,
            Err(Unauthorized::Failed(_))
        ));
        assert_eq!(server.asked(), [""; 0]);
    }
}

#[tokio::test]
async fn faults_are_looked_for_without_a_login() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let checked = world.oauth.check("t", &remote(&server)).await.unwrap();
    assert_eq!(
        (checked.status, checked.authorized),
        (401, Some(Err(Unauthorized::Login)))
    );
    assert!(checked.challenge.unwrap().starts_with("Bearer realm"));
    world.store(&entry(&server, 3600.0));
    let checked = world.oauth.check("t", &remote(&server)).await.unwrap();
    assert_eq!((checked.status, checked.authorized), (401, Some(Ok(()))));
    // Even the one that is renewed for it.
    server.revoke();
    let checked = world.oauth.check("t", &remote(&server)).await.unwrap();
    assert_eq!(checked.authorized, Some(Ok(())));
    assert_eq!(server.all("POST /register").len(), 0);
    server.script().open = vec!["initialize"];
    let checked = world.oauth.check("t", &remote(&server)).await.unwrap();
    assert_eq!((checked.status, checked.authorized), (200, None));
    assert_eq!(checked.server_info.unwrap()["name"], "scripted");
}
