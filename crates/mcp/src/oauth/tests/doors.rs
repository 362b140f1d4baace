//! How browsers come back.

use opencode_testkit::oauth::open;
use pretty_assertions::assert_eq;

use super::*;

async fn pending(world: &World, server: &Server, name: &str) -> (Begun, Arc<Login>) {
    let begun = world.oauth.begin(name, &remote(server)).await.unwrap();
    let login = world.oauth.logins().get(name).cloned().unwrap();
    (begun, login)
}

fn redirect(begun: &Begun) -> String {
    query(&begun.url)["redirect_uri"].clone()
}

/// Whether nobody listens there any more.
async fn is_closed(address: &str) -> bool {
    let url = url::Url::parse(address).unwrap();
    let host = format!("127.0.0.1:{}", url.port().unwrap());
    let closed = async {
        while tokio::net::TcpStream::connect(&host).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, closed).await.is_ok()
}

#[tokio::test]
async fn only_the_right_answer_ends_the_waiting() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let (begun, login) = pending(&world, &server, "t").await;
    let (back, state) = (redirect(&begun), &begun.state);
    for (query, wanted) in [
        (String::new(), 400),
        ("?code=c".to_owned(), 400),
        ("?state=".to_owned(), 400),
        (format!("?state={state}"), 400),
        ("?state=other&code=c".to_owned(), 400),
        ("?error=access_denied".to_owned(), 400),
        ("?state=other&error=x".to_owned(), 200),
    ] {
        let (status, page) = browse(&format!("{back}{query}")).await;
        assert_eq!(status, wanted, "{query}");
        assert!(page.contains("did not take place"), "{query}: {page}");
    }
    assert_eq!(browse(&back.replace("/callback", "/other")).await.0, 404);
    assert!(login.outcome_is_open());
    let (status, page) = browse(&begun.url).await;
    assert_eq!(status, 200);
    assert!(page.contains("You are logged in"), "{page}");
    within(login.end()).await.unwrap();
    assert!(is_closed(&back).await);
    assert!(world.oauth.logins().is_empty());
}

#[tokio::test]
async fn nonsense_does_not_close_the_door() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let (begun, login) = pending(&world, &server, "t").await;
    let port = url::Url::parse(&redirect(&begun)).unwrap().port().unwrap();
    let long = "x".repeat(100_000);
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for nonsense in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "POST /mcp/oauth/callback HTTP/1.1\r\n\r\n",
        &long,
        "\u{0}\u{1}\r\n\r\n",
    ] {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // It may be closed before all is written.
        let _ = stream.write_all(nonsense.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = within(stream.read_to_end(&mut answer)).await;
    }
    browse(&begun.url).await;
    within(login.end()).await.unwrap();
}

#[tokio::test]
async fn logins_share_a_door() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let (one, first) = pending(&world, &server, "one").await;
    let (two, second) = pending(&world, &server, "two").await;
    assert_eq!(redirect(&one), redirect(&two));
    let denied = format!(
        "{}?state={}&error=access_denied&error_description=No%20%3Cb%3E%1B%07",
        redirect(&one),
        one.state
    );
    let (status, page) = browse(&denied).await;
    assert!(status == 200 && page.contains("No &lt;b&gt;"), "{page}");
    assert_eq!(
        within(first.end()).await,
        Err(OAuthError::Denied("No <b>".to_owned()))
    );
    browse(&two.url).await;
    within(second.end()).await.unwrap();
    assert!(is_closed(&redirect(&two)).await);
    assert_eq!(
        world.stored().as_object().unwrap().keys().collect::<Vec<_>>(),
        ["two"]
    );
    // And opens again.
    world.log_in(&remote(&server)).await.unwrap();
}

#[tokio::test]
async fn a_new_login_takes_the_place_of_the_old_one() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let (old, first) = pending(&world, &server, "t").await;
    let (new, second) = pending(&world, &server, "t").await;
    assert_ne!(old.state, new.state);
    assert_eq!(within(first.end()).await, Err(OAuthError::Cancelled));
    assert_eq!(browse(&old.url).await.0, 400);
    browse(&new.url).await;
    within(second.end()).await.unwrap();
    // To log out gives up what goes on, too.
    let (_, third) = pending(&world, &server, "t").await;
    world.oauth.remove("t").await.unwrap();
    assert_eq!(within(third.end()).await, Err(OAuthError::Cancelled));
    assert_eq!(world.stored(), json!({}));
}

#[tokio::test]
async fn nobody_is_waited_for_for_ever() {
    let world = World::with(Options {
        port: 0,
        patience: Duration::from_millis(1),
    });
    let server = Server::start(Script::default()).await;
    let begun = world.oauth.begin("t", &remote(&server)).await.unwrap();
    let login = world.oauth.logins().get("t").cloned();
    let error = match login {
        Some(login) => within(login.end()).await.unwrap_err(),
        None => OAuthError::TooLate,
    };
    assert_eq!(
        error.to_string(),
        "OAuth callback timeout - authorization took too long"
    );
    assert!(is_closed(&redirect(&begun)).await);
}

#[tokio::test]
async fn somebody_else_may_bring_the_code() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let (begun, _) = pending(&world, &server, "t").await;
    // A browser that does not follow.
    let (_, next, _) = open(&begun.url).await;
    let back = next.unwrap();
    within(world.oauth.finish("t", &query(&back)["code"]))
        .await
        .unwrap();
    assert!(world.stored()["t"]["tokens"].is_object());

    let (_, _) = pending(&world, &server, "t").await;
    let error = within(world.oauth.finish("t", "made-up")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "OAuth completion failed: invalid_grant: refused by the script"
    );
}

#[tokio::test]
async fn the_port_is_another_where_it_may_be() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let world = World::with(Options {
        port,
        ..Options::default()
    });
    let server = Server::start(Script::default()).await;
    // Who registers himself says where he is.
    let (begun, _) = pending(&world, &server, "t").await;
    assert_ne!(url::Url::parse(&redirect(&begun)).unwrap().port(), Some(port));
    let registered = server.all("POST /register").remove(0).json();
    assert_eq!(registered["redirect_uris"], json!([redirect(&begun)]));
    // Where configuration or the server expects a port, it must be that one.
    let mut remote = remote(&server);
    remote.oauth = settings(OAuthSettings {
        callback_port: Some(port),
        ..OAuthSettings::default()
    });
    let error = world.oauth.begin("t", &remote).await.unwrap_err().to_string();
    assert!(error.contains(&port.to_string()), "{error}");
    // A whole address may belong to somebody else, who brings the code.
    let redirect_uri = format!("http://127.0.0.1:{port}/back");
    remote.oauth = settings(OAuthSettings {
        redirect_uri: Some(redirect_uri.clone()),
        ..OAuthSettings::default()
    });
    let begun = world.oauth.begin("t", &remote).await.unwrap();
    assert_eq!(redirect(&begun), redirect_uri);
    let error = within(world.oauth.authenticate("t", &remote, |_| {}))
        .await
        .unwrap_err();
    assert!(matches!(error, OAuthError::NoWayBack { .. }), "{error}");
    drop(taken);
    let begun = world.oauth.begin("t", &remote).await.unwrap();
    assert_eq!(browse(&begun.url).await.0, 200);
}

#[tokio::test]
async fn the_answer_of_another_issuer_is_not_turned_in() {
    let script = Script {
        more: json!({ "authorization_response_iss_parameter_supported": true }),
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    for (issuer, fits) in [
        (None, false),
        (Some("http://evil.test"), false),
        (Some(server.base()), true),
    ] {
        let (begun, login) = pending(&world, &server, "t").await;
        let (_, next, _) = open(&begun.url).await;
        let mut back = url::Url::parse(&next.unwrap()).unwrap();
        if let Some(issuer) = issuer {
            back.query_pairs_mut().append_pair("iss", issuer);
        }
        browse(back.as_str()).await;
        let ended = within(login.end()).await;
        assert_eq!(ended.is_ok(), fits, "{issuer:?}: {ended:?}");
    }
    assert_eq!(server.all("POST /token").len(), 1);
}

#[tokio::test]
async fn a_page_that_does_not_open_is_told() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let (oauth, mut notices) = listened(&world.oauth);
    let (sender, told) = tokio::sync::oneshot::channel();
    let remote = remote(&server);
    let login = tokio::spawn(async move {
        let told = |url: &str| sender.send(url.to_owned()).unwrap();
        oauth.authenticate("t", &remote, told).await
    });
    let page = within(told).await.unwrap();
    let notice = within(notices.recv()).await.unwrap();
    let wanted = Notice::BrowserFailed {
        name: "t".to_owned(),
        url: page.clone(),
    };
    assert_eq!(notice, wanted);
    browse(&page).await;
    within(login).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_goes_on_ends_with_the_program() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let (_, login) = pending(&world, &server, "t").await;
    within(world.oauth.shutdown()).await;
    assert_eq!(within(login.end()).await, Err(OAuthError::Cancelled));
}

#[tokio::test]
async fn browsers_may_come_back_to_another_program() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let mut remote = remote(&server);
    remote.oauth = settings(OAuthSettings {
        redirect_uri: Some("my-app://back".to_owned()),
        ..OAuthSettings::default()
    });
    let begun = world.oauth.begin("t", &remote).await.unwrap();
    assert_eq!(redirect(&begun), "my-app://back");
    let (_, next, _) = open(&begun.url).await;
    let back = next.unwrap();
    assert!(back.starts_with("my-app://back?"), "{back}");
    let code = query(&back)["code"].clone();
    within(world.oauth.finish("t", &code)).await.unwrap();
    // A server whose name is no name of a file has a login like any other.
    let long = "n/".repeat(300);
    let begun = world.oauth.begin(&long, &remote).await.unwrap();
    let (_, next, _) = open(&begun.url).await;
    let code = query(&next.unwrap())["code"].clone();
    within(world.oauth.finish(&long, &code)).await.unwrap();
    server.revoke();
    let challenge = Challenge {
        status: 401,
        header: None,
        token: world
            .oauth
            .entry(&long, &remote)
            .unwrap()
            .tokens
            .map(|tokens| tokens.access),
    };
    let authorizer = world.oauth.of(&long, &remote).unwrap();
    within(authorizer.refused(challenge)).await.unwrap();
}
