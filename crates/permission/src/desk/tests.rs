use opencode_store::{Database, Subscription};
use pretty_assertions::assert_eq;

use super::*;

fn question(session: &str, patterns: &[&str]) -> Question {
    Question {
        session_id: SessionId::trusted(session),
        permission: "bash".into(),
        patterns: patterns.iter().map(|text| (*text).to_owned()).collect(),
        always: vec!["git *".into()],
        metadata: Object::new(),
        tool: None,
        is_durable: false,
    }
}

struct Desk {
    desk: Arc<Permissions>,
    events: Subscription,
}

impl Desk {
    async fn new() -> Self {
        let store = Store::open(Database::Memory).await.unwrap();
        let events = store.subscribe();
        Self {
            desk: Permissions::new(store, Ground::default()),
            events,
        }
    }

    fn ask(&self, session: &str, pattern: &str) -> tokio::task::JoinHandle<Result<(), Refusal>> {
        let (desk, question) = (Arc::clone(&self.desk), question(session, &[pattern]));
        tokio::spawn(async move { desk.ask(question, &[], &CancellationToken::new()).await })
    }

    async fn asked(&mut self) -> PermissionId {
        loop {
            if let EventBody::PermissionAsked { request } = &self.events.next().await.unwrap().unwrap().body {
                return request.id.clone();
            }
        }
    }
}

#[tokio::test]
async fn rules_decide_without_asking() {
    let desk = Desk::new().await.desk;
    let rules = [
        Rule::new("*", "*", Action::Allow),
        Rule::new("bash", "rm *", Action::Deny),
    ];
    let token = CancellationToken::new();
    assert_eq!(
        desk.ask(question("ses_1", &["git status", "ls"]), &[&rules], &token)
            .await,
        Ok(())
    );
    let refusal = desk
        .ask(question("ses_1", &["ls", "rm -rf x"]), &[&rules], &token)
        .await
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "A permission rule forbids this call. The rules for it: \
         [{\"permission\":\"*\",\"pattern\":\"*\",\"action\":\"allow\"},\
         {\"permission\":\"bash\",\"pattern\":\"rm *\",\"action\":\"deny\"}]"
    );
    assert!(desk.pending().is_empty());
}

/// A desk of a project with a folder for its audit.
async fn grounded(home: &tempfile::TempDir, read_only: bool) -> Desk {
    let store = Store::open(Database::File(home.path().join("x.db")))
        .await
        .unwrap();
    let made = store.write(|transaction| {
        transaction.put_project(
            &serde_json::from_value(serde_json::json!({
                "id": "p", "worktree": "/w", "time": { "created": 1, "updated": 1 }, "sandboxes": []
            }))
            .unwrap(),
        )
    });
    made.await.unwrap();
    let ground = Ground {
        project_id: "p".into(),
        ledger: Some(home.path().join("permissions")),
        read_only,
    };
    let events = store.subscribe();
    Desk {
        desk: Permissions::new(store, ground),
        events,
    }
}

#[tokio::test]
async fn a_kept_approval_counts_for_the_next_program_but_not_against_a_rule() {
    let home = tempfile::TempDir::new().unwrap();
    let mut desk = grounded(&home, false).await;
    let first = desk.ask("ses_1", "git status");
    let id = desk.asked().await;
    assert_eq!(
        desk.desk.pending()[0].suggestions,
        [vec!["git status".to_owned()], vec!["git *".to_owned()]]
    );
    let answer = Answer {
        patterns: Some(vec!["git status".into()]),
        save: true,
        ..Reply::Always.into()
    };
    desk.desk.answer(&id, answer).await.unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
    let Desk { desk, .. } = desk;
    drop(desk);

    let mut desk = grounded(&home, false).await;
    assert_eq!(desk.ask("ses_1", "git status").await.unwrap(), Ok(()));
    let narrower = desk.ask("ses_1", "git log");
    let id = desk.asked().await;
    desk.desk.reply(&id, Reply::Reject, None).await.unwrap();
    assert_eq!(narrower.await.unwrap(), Err(Refusal::Rejected));
    let forbidden = [Rule::new("bash", "git *", Action::Deny)];
    let token = CancellationToken::new();
    let forbidden: [&[Rule]; 1] = [&forbidden];
    let asked = desk
        .desk
        .ask(question("ses_1", &["git status"]), &forbidden, &token);
    assert!(matches!(asked.await, Err(Refusal::Denied { .. })));

    let told: Vec<_> = desk
        .desk
        .decisions(&SessionId::trusted("ses_1"))
        .await
        .into_iter()
        .map(|one| (one.outcome, one.rules[0].from))
        .collect();
    assert_eq!(
        told,
        [
            (Outcome::Always, Origin::None),
            (Outcome::Allowed, Origin::Saved),
            (Outcome::Rejected, Origin::None),
            (Outcome::Denied, Origin::Rules),
        ]
    );
    let saved = desk.desk.saved().await.unwrap();
    assert_eq!((saved.len(), saved[0].resource.as_str()), (1, "git status"));
}

#[tokio::test]
async fn read_only_is_above_every_rule() {
    let home = tempfile::TempDir::new().unwrap();
    let desk = grounded(&home, true).await.desk;
    let all = [Rule::new("*", "*", Action::Allow)];
    let all: [&[Rule]; 1] = [&all];
    let token = CancellationToken::new();
    let ask = |permission: &str| {
        let mut question = question("ses_1", &["x"]);
        question.permission = permission.to_owned();
        desk.ask(question, &all, &token)
    };
    assert_eq!(ask("read").await, Ok(()));
    for permission in ["edit", "bash", "server_tool"] {
        let refused = ask(permission).await;
        assert!(matches!(refused, Err(Refusal::ReadOnly { .. })), "{permission}");
    }
}

#[tokio::test]
async fn once_allows_once() {
    let mut desk = Desk::new().await;
    let first = desk.ask("ses_1", "git status");
    let id = desk.asked().await;
    desk.desk.reply(&id, Reply::Once, None).await.unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
    let second = desk.ask("ses_1", "git status");
    let id = desk.asked().await;
    desk.desk
        .reply(&id, Reply::Reject, Some("use jj".into()))
        .await
        .unwrap();
    assert_eq!(
        second.await.unwrap(),
        Err(Refusal::Corrected {
            feedback: "use jj".into()
        })
    );
    assert_eq!(
        desk.desk.reply(&id, Reply::Once, None).await,
        Err(UnknownRequest(id))
    );
}

#[tokio::test]
async fn always_releases_whatever_it_allows() {
    let mut desk = Desk::new().await;
    let first = desk.ask("ses_1", "git status");
    let id = desk.asked().await;
    let other_session = desk.ask("ses_2", "git log");
    desk.asked().await;
    let unrelated = desk.ask("ses_2", "ls");
    let unrelated_id = desk.asked().await;
    desk.desk.reply(&id, Reply::Always, None).await.unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(other_session.await.unwrap(), Ok(()));
    assert_eq!(
        desk.desk
            .pending()
            .iter()
            .map(|request| &request.id)
            .collect::<Vec<_>>(),
        [&unrelated_id]
    );
    desk.desk.reply(&unrelated_id, Reply::Once, None).await.unwrap();
    assert_eq!(unrelated.await.unwrap(), Ok(()));
    let later = desk.ask("ses_3", "git push");
    assert_eq!(later.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn reject_ends_everything_the_session_waits_for() {
    let mut desk = Desk::new().await;
    let first = desk.ask("ses_1", "git status");
    let id = desk.asked().await;
    let second = desk.ask("ses_1", "ls");
    desk.asked().await;
    let other = desk.ask("ses_2", "ls");
    let other_id = desk.asked().await;
    desk.desk.reply(&id, Reply::Reject, None).await.unwrap();
    assert_eq!(first.await.unwrap(), Err(Refusal::Rejected));
    assert_eq!(second.await.unwrap(), Err(Refusal::Rejected));
    assert_eq!(desk.desk.pending().len(), 1);
    desk.desk.reply(&other_id, Reply::Once, None).await.unwrap();
    assert_eq!(other.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_stopped_turn_takes_its_question_along() {
    let mut desk = Desk::new().await;
    let token = CancellationToken::new();
    let waiting = {
        let (desk, token) = (Arc::clone(&desk.desk), token.clone());
        tokio::spawn(async move { desk.ask(question("ses_1", &["ls"]), &[], &token).await })
    };
    desk.asked().await;
    token.cancel();
    assert_eq!(waiting.await.unwrap(), Err(Refusal::Cancelled));
    assert!(desk.desk.pending().is_empty());
}
