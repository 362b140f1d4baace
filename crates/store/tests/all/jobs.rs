//! Work that goes on by itself, as rows.

use opencode_schema::prompt::{Delivery, Prompt, SessionInput};
use opencode_schema::{MessageId, SessionId, SessionMessageBody};
use opencode_store::{Direction, Error, Job, JobKind, JobStatus, Store};
use pretty_assertions::assert_eq;

use crate::support::{Place, stored_session};

fn job(id: &str, session: &SessionId) -> Job {
    let mut job = Job::new(
        id.to_owned(),
        session.clone(),
        JobKind::Task,
        "look".to_owned(),
        "own_1",
    );
    job.child = Some(SessionId::trusted("ses_child"));
    job.is_durable = true;
    job
}

async fn begin(store: &Store, job: &Job) -> Result<(), Error> {
    let job = job.clone();
    store.write(move |transaction| transaction.begin_job(&job)).await
}

async fn end(store: &Store, id: &'static str, status: JobStatus) -> Option<Job> {
    let ended = store.write(move |transaction| transaction.end_job(id, status, Some("came of it")));
    ended.await.unwrap()
}

async fn open(store: &Store) -> Vec<String> {
    let open = store.read(|view| view.open_jobs()).await.unwrap();
    open.into_iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn gap_16_a_job_ends_once_and_is_open_until_that_is_told() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    assert_eq!(
        end(&store, "job_1", JobStatus::Lost).await,
        None,
        "nobody has any"
    );
    assert_eq!(open(&store).await, [""; 0]);
    let begun = job("job_1", &session.id);
    begin(&store, &begun).await.unwrap();
    let of_nobody = job("job_2", &SessionId::trusted("ses_none"));
    assert!(matches!(
        begin(&store, &of_nobody).await,
        Err(Error::NotFound { .. })
    ));
    let id = session.id.clone();
    let stored = store.read(move |view| view.jobs(&id)).await.unwrap();
    assert_eq!(stored, std::slice::from_ref(&begun));

    store
        .write({
            let id = session.id.clone();
            move |transaction| transaction.detach_tasks(&id)
        })
        .await
        .unwrap();
    let ended = end(&store, "job_1", JobStatus::Completed).await.unwrap();
    assert_eq!(
        (ended.status, ended.result.as_deref(), ended.is_background),
        (JobStatus::Completed, Some("came of it"), true)
    );
    assert!(ended.completed.is_some());
    assert_eq!(end(&store, "job_1", JobStatus::Lost).await, None, "one ends it");
    assert_eq!(open(&store).await, ["job_1"]);

    // Of a program that ends it is left to others.
    store
        .write(|transaction| transaction.leave_jobs("own_1"))
        .await
        .unwrap();
    let left = store.read(|view| view.job("job_1")).await.unwrap().unwrap();
    assert!(left.is_nobodys() && !begun.is_nobodys());
    for first in [true, false] {
        let told = store.write(|transaction| transaction.job_is_told("job_1"));
        assert_eq!(told.await.unwrap(), first);
    }
    assert_eq!(open(&store).await, [""; 0]);
}

#[tokio::test]
async fn only_so_many_that_have_ended_are_kept() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    begin(&store, &job("job_runs", &session.id)).await.unwrap();
    for at in 0..150 {
        let mut one = job(&format!("job_{at:03}"), &session.id);
        one.created += 1 + at;
        one.status = JobStatus::Completed;
        one.is_told = true;
        begin(&store, &one).await.unwrap();
    }
    let id = session.id.clone();
    let stored = store.read(move |view| view.jobs(&id)).await.unwrap();
    let ids: Vec<&str> = stored.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids.len(), 101);
    assert_eq!(
        (ids[0], ids[1], ids[100]),
        ("job_runs", "job_050", "job_149"),
        "what runs stays"
    );
}

#[tokio::test]
async fn gap_16_what_tells_of_a_job_waits_like_a_prompt_and_is_said_by_the_program() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let job = job("job_1", &session.id);
    begin(&store, &job).await.unwrap();
    let input = |id: MessageId, text: &str| SessionInput {
        admitted_seq: 0,
        id,
        session_id: session.id.clone(),
        prompt: Prompt {
            text: text.to_owned(),
            ..Prompt::default()
        },
        delivery: Delivery::Steer,
        time_created: 50,
        promoted_seq: None,
    };
    let inputs = [
        input(job.message_id.clone(), "it has ended"),
        input(MessageId::trusted("msg_1"), "what the user said"),
    ];
    let id = session.id.clone();
    store
        .write(move |transaction| {
            for input in inputs {
                transaction.admit(input)?;
            }
            assert!(transaction.has_waiting_inputs(&id)?);
            for input in transaction.waiting_inputs(&id, Delivery::Steer)? {
                transaction.promote(input)?;
            }
            assert!(!transaction.has_waiting_inputs(&id)?);
            Ok(())
        })
        .await
        .unwrap();
    let id = session.id.clone();
    let read = store.read(move |view| view.session_messages(&id, Direction::Ascending, None, 10));
    let messages = read.await.unwrap();
    assert_eq!(messages[0].id, job.message_id);
    assert!(matches!(
        &messages[0].body,
        SessionMessageBody::Synthetic { text, .. } if text == "it has ended"
    ));
    assert!(matches!(&messages[1].body, SessionMessageBody::User { .. }));
    // The log alone makes the same rows.
    drop(store);
    assert_eq!(place.check().problems, [""; 0]);
}
