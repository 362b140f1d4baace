//! Attempts: logins that are asked after.

use opencode_config::credential::connections;
use pretty_assertions::assert_eq;
use tokio::sync::oneshot;

use super::*;

/// What came of an attempt in the end.
async fn outcome(attempts: &Attempts, id: &str) -> Outcome {
    let ends = async {
        loop {
            let outcome = attempts.get(id).unwrap().outcome;
            if outcome != Outcome::Pending {
                return outcome;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ends).await.unwrap()
}

#[tokio::test]
async fn an_attempt_stores_a_credential_under_its_label_and_says_so() {
    let issuer = Issuer::start(|_, _| {
        (
            200,
            json!({ "access_token": "at", "refresh_token": "rt", "expires_in": 60 }),
        )
    })
    .await;
    let world = World::new(&[("https://auth.openai.com", &issuer.url)]);
    let attempts = Attempts::new(world.logins());
    let (sender, stored) = oneshot::channel();
    let (attempt, begun) = attempts
        .begin("openai", 0, &Inputs::new(), Some("work".to_owned()), async move {
            sender.send(()).unwrap();
        })
        .await
        .unwrap();
    assert!(attempt.id.starts_with("con_"));
    assert_eq!(attempt.expires - attempt.created, 600_000);
    assert_eq!(attempts.get(&attempt.id).unwrap(), attempt, "it goes on");
    let asked = query(&begun.url);
    let back = asked["redirect_uri"].replace("localhost", "127.0.0.1");
    visit(&format!("{back}?code=c&state={}", asked["state"])).await;
    stored.await.unwrap();
    assert_eq!(outcome(&attempts, &attempt.id).await, Outcome::Complete);
    assert_eq!(world.stored("openai")["access"], "at");
    let shown = connections(&world.paths, &world.environment);
    assert_eq!(
        (shown[0].integration.as_str(), shown[0].label.as_str()),
        ("openai", "work")
    );
}

#[tokio::test]
async fn attempts_are_given_up_for_newer_ones_and_on_request() {
    let world = World::new(&[]);
    let attempts = Attempts::new(world.logins());
    let begin = async || {
        let begun = attempts.begin("openai", 0, &Inputs::new(), None, async {}).await;
        begun.unwrap()
    };
    let (first, _) = begin().await;
    let (second, begun) = begin().await;
    assert!(matches!(outcome(&attempts, &first.id).await, Outcome::Failed(_)));
    assert_eq!(attempts.get(&second.id).unwrap().outcome, Outcome::Pending);
    let asked = query(&begun.url);
    let back = asked["redirect_uri"].replace("localhost", "127.0.0.1");
    visit(&format!("{back}?error=access_denied&state={}", asked["state"])).await;
    let Outcome::Failed(reason) = outcome(&attempts, &second.id).await else {
        panic!()
    };
    assert!(reason.contains("access_denied"), "{reason}");
    let (third, _) = begin().await;
    attempts.cancel(&third.id);
    attempts.cancel(&third.id);
    assert_eq!(attempts.get(&third.id), None);
    let no_login = attempts.begin("openai", 2, &Inputs::new(), None, async {}).await;
    assert!(no_login.is_err());
    assert_eq!(world.stored("openai"), Value::Null);
}
