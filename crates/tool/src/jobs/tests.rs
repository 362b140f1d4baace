//! What jobs promise, without a model.

use std::path::PathBuf;

use opencode_process::Environment;
use pretty_assertions::assert_eq;

use super::*;

fn command(line: &str) -> ShellCommand {
    ShellCommand {
        shell: PathBuf::from("/bin/sh"),
        command: line.to_owned(),
        directory: PathBuf::from("/"),
        environment: Environment::default(),
        as_user: false,
        sandbox: None,
        input: false,
        timeout: None,
        cancel: CancellationToken::new(),
    }
}

fn session() -> SessionId {
    SessionId::trusted("ses_1")
}

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_end_is_told_once() {
    let jobs = Jobs::default();
    let followed = jobs
        .start(new_id(), &session(), command("echo out; exit 3"))
        .unwrap();
    let id = followed.job.id.clone();
    let told = followed.end().await.notice().unwrap();
    assert_eq!(
        told,
        format!(
            "<job id=\"{id}\" status=\"ended with exit code 3\">\n<command>\necho out; exit 3\n</command>\n<output>\nout\n</output>\n</job>"
        )
    );
    // Whoever asked first knows.
    let followed = jobs
        .start(new_id(), &session(), command("read line; echo got $line"))
        .unwrap();
    let job = Arc::clone(&followed.job);
    let end = tokio::spawn(followed.end());
    job.say("word\n", false).await.unwrap();
    let mut text = String::new();
    while job.ending().is_none() {
        text += &job.read(SOON).await.text;
    }
    text += &job.read(SOON).await.text;
    assert_eq!(text, "got word\n");
    // The one who follows may have been faster, but both were not.
    let told = end.await.unwrap().notice();
    assert!(told.is_none_or(|told| told.contains("got word")));
    assert!(job.say("more", true).await.is_err());
}

#[tokio::test]
async fn a_job_that_is_stopped_tells_nobody() {
    let jobs = Jobs::default();
    let followed = jobs
        .start(new_id(), &session(), command("echo begun; exec sleep 1000"))
        .unwrap();
    let job = Arc::clone(&followed.job);
    let end = tokio::spawn(followed.end());
    assert_eq!(job.read(SOON).await.text, "begun\n");
    assert!(jobs.get(&SessionId::trusted("ses_2"), &job.id).is_none());
    tokio::time::timeout(SOON, job.stop()).await.unwrap();
    assert_eq!(
        (end.await.unwrap().notice(), job.status().as_str()),
        (None, "stopped")
    );
}

#[tokio::test]
async fn only_so_many_run_and_none_in_a_place_that_is_given_up() {
    let jobs = Jobs::default();
    let mut ends = Vec::new();
    for _ in 0..MOST_RUNNING {
        let followed = jobs
            .start(new_id(), &session(), command("exec sleep 1000"))
            .unwrap();
        ends.push(tokio::spawn(followed.end()));
    }
    assert!(matches!(
        jobs.start(new_id(), &session(), command("true")),
        Err(Error::TooMany)
    ));
    jobs.stop(&session());
    for end in ends.drain(..) {
        let end = tokio::time::timeout(SOON, end).await.unwrap().unwrap();
        assert_eq!(end.notice(), None);
    }
    // Those that nobody follows are not running either.
    drop(
        jobs.start(new_id(), &session(), command("exec sleep 1000"))
            .unwrap(),
    );
    for _ in 0..MOST_ENDED * 2 {
        jobs.start(new_id(), &session(), command("true"))
            .unwrap()
            .end()
            .await;
    }
    assert!(jobs.of(&session()).len() <= MOST_ENDED + 1);
    jobs.close();
    assert!(matches!(
        jobs.start(new_id(), &session(), command("true")),
        Err(Error::Closed)
    ));
}
