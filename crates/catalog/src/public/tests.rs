use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use pretty_assertions::assert_eq;

use super::*;

const DOCUMENT: &str = r#"{"p": {"id": "p", "name": "P", "env": ["K"], "models": {
    "m": {"id": "m", "name": "M", "release_date": "2026-01-01", "limit": {"context": 10, "output": 5}},
    "broken": {"id": 5}}}, "odd": [], "q": {"name": "Q", "models": 7}}"#;

struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
}

/// Answers each time with the next of these, and with the last for ever.
async fn server(answers: &'static [(u16, &'static str)]) -> Server {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move |headers: HeaderMap| async move {
        assert_eq!(headers["user-agent"], "opencode/latest/9.9.9/cli");
        let at = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        (StatusCode::from_u16(answers[at].0).unwrap(), answers[at].1)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/api.json", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server { url, asked }
}

fn public(home: &Path, more: &[(&str, &str)]) -> Arc<Public> {
    let home = home.display().to_string();
    let environment: Environment = [("HOME", home.as_str())]
        .iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Arc::new(Public::new(&Paths::new(&environment), &environment, "9.9.9"))
}

fn age(path: &Path, by: Duration) {
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

#[tokio::test]
async fn a_newer_document_is_fetched_kept_and_read() {
    let home = tempfile::TempDir::new().unwrap();
    let server = server(&[(200, DOCUMENT)]).await;
    let address = format!("{}/", server.url);
    let public = public(home.path(), &[("OPENCODE_MODELS_URL", &address)]);
    assert!(public.snapshot().provider("anthropic").is_some());
    assert!(public.refresh(false).await.unwrap());
    let snapshot = public.snapshot();
    assert_eq!(snapshot.provider("p").unwrap().models.len(), 1);
    assert!(snapshot.provider("anthropic").is_none());
    let name = format!("models-{}.json", hex(&Sha1::digest(&server.url)));
    let file = home.path().join(".cache/opencode").join(name);
    assert_eq!(fs_err::read_to_string(&file).unwrap(), DOCUMENT);
    let files = fs_err::read_dir(file.parent().unwrap()).unwrap().count();
    assert_eq!(files, 2, "the document and its packed copy, nothing temporary");

    assert!(!public.refresh(false).await.unwrap());
    assert_eq!(
        server.asked.load(Ordering::SeqCst),
        1,
        "a fresh one is not fetched again"
    );
    assert!(public.refresh(true).await.unwrap());
    age(&file, FRESH + Duration::from_secs(1));
    assert!(public.refresh(false).await.unwrap());
    assert_eq!(server.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn many_at_once_fetch_once() {
    let home = tempfile::TempDir::new().unwrap();
    let server = server(&[(200, DOCUMENT)]).await;
    let publics: Vec<Arc<Public>> = (0..6)
        .map(|_| public(home.path(), &[("OPENCODE_MODELS_URL", &server.url)]))
        .collect();
    let all = publics.iter().map(|public| public.refresh(false));
    let done = futures_util::future::join_all(all).await;
    assert!(done.into_iter().all(|done| done.is_ok()));
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_and_one_that_refuses_is_not() {
    for (answers, asked, comes) in [
        (&[(503, ""), (429, ""), (200, DOCUMENT)][..], 3, true),
        (&[(500, "")], 3, false),
        (&[(404, "")], 1, false),
        (&[(200, "<html>log in to the network</html>")], 1, false),
        (&[(200, "{}")], 1, false),
        (&[(200, "{\"p\": 1}")], 1, false),
    ] {
        let home = tempfile::TempDir::new().unwrap();
        let server = server(answers).await;
        let public = public(home.path(), &[("OPENCODE_MODELS_URL", &server.url)]);
        assert_eq!(public.refresh(false).await.is_ok(), comes, "{answers:?}");
        assert_eq!(server.asked.load(Ordering::SeqCst), asked, "{answers:?}");
        let embedded = public.snapshot().provider("anthropic").is_some();
        assert_eq!(embedded, !comes, "{answers:?}");
    }
}

#[test]
fn a_broken_cache_is_removed_and_a_broken_named_file_is_not() {
    let home = tempfile::TempDir::new().unwrap();
    let cache = home.path().join(".cache/opencode/models.json");
    fs_err::create_dir_all(cache.parent().unwrap()).unwrap();
    for text in ["", "not json", "[]", "null", "\u{fffd}{"] {
        fs_err::write(&cache, text).unwrap();
        let snapshot = public(home.path(), &[]).snapshot();
        assert!(snapshot.provider("anthropic").is_some(), "{text}");
        assert!(!cache.exists(), "{text}");
    }
    fs_err::write(&cache, DOCUMENT).unwrap();
    let snapshot = public(home.path(), &[]).snapshot();
    let ids: Vec<&str> = snapshot.heads().map(|(id, _)| id).collect();
    assert_eq!(ids, ["p", "q"], "entry by entry");
    let models = snapshot.provider("p").unwrap().models;
    assert_eq!(models.keys().collect::<Vec<_>>(), ["m"]);
    assert!(snapshot.provider("q").unwrap().models.is_empty());

    let named = home.path().join("named.json");
    fs_err::write(&named, "{").unwrap();
    let with = [("OPENCODE_MODELS_PATH", named.to_str().unwrap())];
    let snapshot = public(home.path(), &with).snapshot();
    assert!(snapshot.provider("anthropic").is_some());
    assert!(named.exists());
    fs_err::write(&named, DOCUMENT).unwrap();
    let public = public(home.path(), &with);
    assert!(public.snapshot().provider("p").is_some() && !public.may_fetch());
}

#[test]
fn fetching_can_be_switched_off() {
    let home = tempfile::TempDir::new().unwrap();
    assert!(public(home.path(), &[]).may_fetch());
    assert!(!public(home.path(), &[("OPENCODE_DISABLE_MODELS_FETCH", "1")]).may_fetch());
}

#[tokio::test]
async fn the_packed_copy_is_read_only_for_its_own_document() {
    let home = tempfile::TempDir::new().unwrap();
    let server = server(&[(200, DOCUMENT)]).await;
    let public = || public(home.path(), &[("OPENCODE_MODELS_URL", &server.url)]);
    public().refresh(false).await.unwrap();
    let first = public();
    assert!(matches!(*first.snapshot(), Snapshot::Packed { .. }));
    assert_eq!(first.snapshot().provider("p").unwrap().models.len(), 1);
    // Another program writes another document.
    let other = DOCUMENT.replace("\"p\"", "\"other\"");
    fs_err::write(&first.cache, other).unwrap();
    let second = public();
    assert!(matches!(*second.snapshot(), Snapshot::Read(_)));
    assert!(second.snapshot().provider("other").is_some());
    // Who reads it packs it, whether or not it keeps the catalogue fresh.
    let third = public();
    assert!(matches!(*third.snapshot(), Snapshot::Packed { .. }));
    assert!(third.snapshot().provider("other").is_some());
    fs_err::write(packed_path(&third.cache), "damaged").unwrap();
    assert!(public().snapshot().provider("other").is_some());
}
