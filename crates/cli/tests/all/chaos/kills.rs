//! `kill -9` of the server at random points of turns of both kinds of sessions: log and rows agree after each, no
//! prompt that was admitted is lost, no command runs twice, and what was in the middle of something is listed or
//! goes on (reference `v2.md` §6–9, §14 rows 5, 9, 21, 24–28).
//!
//! `OPENCODE_CHAOS_KILLS=500` kills that often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::dice::{Dice, number};
use super::wire::{Stream, address_of, try_send};
use crate::durable::{messages, session};
use crate::{home, new_session};

/// Kills in the suite.
const KILLS: u64 = 10;
/// Kills after which everything begins anew, so that what is looked through stays small.
const OF_ONE_HOME: u64 = 50;
/// Sessions of each kind that are in use.
const SESSIONS: usize = 3;
/// After so much silence a turn has come as far as it comes.
const SILENCE: Duration = Duration::from_millis(250);
/// How long a session may take to come to rest.
const LIMIT: Duration = Duration::from_secs(60);

struct Kills {
    dice: Dice,
    home: Home,
    model: ScriptedModel,
    /// Durable sessions.
    durable: Vec<String>,
    /// The others.
    plain: Vec<String>,
    /// Commands that models were let write so far; each leaves its number.
    commands: u64,
    /// Prompts of durable sessions so far.
    prompts: u64,
    seen: BTreeMap<&'static str, u64>,
}

/// A prompt that may or may not have been admitted.
#[derive(Clone)]
struct Sent {
    session: String,
    id: String,
    body: Value,
    admitted: bool,
}

impl Kills {
    async fn new(seed: u64) -> Self {
        let model = ScriptedModel::start([]).await;
        let home = home();
        home.configure(&model.url(), json!({}));
        Self {
            dice: Dice(seed),
            home,
            model,
            durable: Vec::new(),
            plain: Vec::new(),
            commands: 0,
            prompts: 0,
            seen: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// A command that may not run twice: it leaves its number in a file.
    fn command(&mut self, step: Step) -> Step {
        self.commands += 1;
        let after = ["true", "sleep 0.01", "exit 1", "sleep 0.05"][self.dice.below(4) as usize];
        let command = format!("echo {} >> ran; {after}", self.commands);
        step.and_tool(
            "bash",
            json!({ "command": command, "description": "leaves its number" }),
        )
    }

    fn step(&mut self) -> Step {
        match self.dice.below(8) {
            0 => Step::text("half of an answer").held().0,
            1 => Step::text("half of an answer").cut(),
            2 => Step::error(503, json!({ "error": { "message": "busy" } })).header("retry-after-ms", "1"),
            3 => Step::text("some words").thinking("some thoughts"),
            4 => {
                let count = 2 + self.dice.below(3);
                (0..count).fold(Step::text("Several."), |step, _| self.command(step))
            }
            _ => self.command(Step::text("I run it.")),
        }
    }

    /// Prompts some sessions at once. The server is killed somewhere on the way.
    async fn turn(&mut self, server: Served) -> Vec<Sent> {
        if self.durable.is_empty() || self.dice.one_in(6) {
            self.durable.push(session(&server).await);
            self.plain.push(new_session(&server).await);
            if self.durable.len() > SESSIONS {
                self.durable.remove(0);
                self.plain.remove(0);
            }
        }
        let count = 2 + self.dice.below(6);
        let steps: Vec<Step> = (0..count).map(|_| self.step()).collect();
        self.model.now_answers(steps);
        self.model.forget_requests();

        let address = address_of(&server);
        // Also in the first moments, in which prompts are admitted.
        let most = if self.dice.one_in(3) { 500 } else { 40_000 };
        let (most, patience) = (self.dice.below(most), SILENCE);
        let mut stream = Stream::open(&address, "/global/event", "").unwrap();
        stream.event().unwrap();
        let watching = tokio::task::spawn_blocking(move || stream.bytes(most, patience));

        let mut sent = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            self.prompts += 1;
            let session = self.durable[self.dice.below(self.durable.len() as u64) as usize].clone();
            let delivery = ["steer", "queue"][self.dice.below(2) as usize];
            let id = format!("msg_kill{:08}", self.prompts);
            let body = json!({ "id": id, "prompt": { "text": format!("go on {id}") }, "delivery": delivery });
            sent.push(Sent {
                session,
                id,
                body,
                admitted: false,
            });
        }
        let of_plain = self.plain[self.dice.below(self.plain.len() as u64) as usize].clone();
        let said = json!({ "parts": [{ "type": "text", "text": "go on" }] });
        let path = format!("/session/{of_plain}/prompt_async");
        let plain = try_send(&server, "POST", &path, Some(said));
        let durable = futures(sent.iter().map(|one| {
            let path = format!("/api/session/{}/prompt", one.session);
            let (server, body) = (&server, one.body.clone());
            async move { try_send(server, "POST", &path, Some(body)).await }
        }));
        let killed = async {
            watching.await.unwrap();
            server.signal("KILL");
        };
        let (_, answers, ()) = tokio::join!(plain, durable, killed);
        for (one, answer) in sent.iter_mut().zip(answers) {
            match answer {
                Ok((200, _)) => one.admitted = true,
                Ok(other) => panic!("a prompt was refused: {other:?}"),
                Err(_) => {}
            }
        }
        server.kill().await;
        sent
    }

    /// What a killed server leaves.
    async fn left(&mut self, sent: &[Sent]) {
        let checked = self.home.run(["db", "check"]).await;
        assert!(checked.status.success(), "{}\n{}", checked.stdout, checked.stderr);
        let database = self.home.database();
        for one in sent {
            let known: bool = database
                .query_row(
                    "SELECT count(*) FROM session_input WHERE id = ?1",
                    [&one.id],
                    |row| row.get(0),
                )
                .unwrap();
            assert!(known || !one.admitted, "an admitted prompt is lost: {}", one.id);
            self.count(match (one.admitted, known) {
                (true, _) => "prompts admitted",
                (false, true) => "prompts admitted without an answer",
                (false, false) => "prompts not admitted",
            });
        }
        self.commands_that_ran();
    }

    /// How many commands left their number; each did it once.
    fn commands_that_ran(&self) -> u64 {
        let ran = fs_err::read_to_string(self.home.project().join("ran")).unwrap_or_default();
        let mut known = BTreeSet::new();
        for line in ran.lines() {
            assert!(known.insert(line), "the command {line} ran twice");
        }
        known.len() as u64
    }

    /// The next server: what was in the middle of something is listed or went on, and everything comes to rest.
    async fn recovers(&mut self, server: &Served, sent: &[Sent]) {
        self.model.now_answers([]);
        for session in self.durable.clone() {
            rest(server, &session).await;
            let path = format!("/api/sessions/{session}/attempt");
            let attempt = server.send("GET", &path, None).await.json();
            let open = open(&messages(server, &session).await);
            if attempt.is_null() {
                assert_eq!(open, None, "neither listed nor ended: {session}");
                self.count("sessions that were whole or went on");
                continue;
            }
            let name = match attempt["attempt"].as_str() {
                None => "activities between two attempts",
                Some("prepared") => "attempts prepared",
                Some("dispatched") => "attempts dispatched",
                Some("output") => "attempts with output",
                Some(_) => "attempts answered",
            };
            self.count(name);
            let decision = ["retry", "abandon", ""][self.dice.below(3) as usize];
            if !decision.is_empty() {
                let decided = server.send("POST", &format!("{path}/{decision}"), None).await;
                assert_eq!(decided.status, 204, "{decided:?}");
            }
        }
        // Whoever got no answer asks again, and who waits is woken.
        for one in sent {
            let path = format!("/api/session/{}/prompt", one.session);
            let again = server.send("POST", &path, Some(one.body.clone())).await;
            assert_eq!(again.status, 200, "{again:?}");
        }
        for session in self.durable.clone() {
            let path = format!("/api/session/{session}/prompt");
            let said = json!({ "prompt": { "text": "and now" } });
            assert_eq!(server.send("POST", &path, Some(said)).await.status, 200);
            rest(server, &session).await;
            assert_eq!(open(&messages(server, &session).await), None, "{session}");
            let last = messages(server, &session).await.pop().unwrap();
            assert_eq!(last["finish"], "stop", "{last}");
        }
        for session in self.plain.clone() {
            let said = json!({ "parts": [{ "type": "text", "text": "and now" }] });
            let path = format!("/session/{session}/message");
            let answer = server.send("POST", &path, Some(said)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let all = server.send("GET", &path, None).await.json();
            assert_eq!(super::is_open(&all), None, "{session}");
        }
        self.are_there_once(sent);
    }

    /// Each prompt was admitted once, taken once, and is one message.
    fn are_there_once(&self, sent: &[Sent]) {
        let database = self.home.database();
        for one in sent {
            let count =
                |query: &str| -> i64 { database.query_row(query, [&one.id], |row| row.get(0)).unwrap() };
            let of_log = "SELECT count(*) FROM event WHERE data ->> '$.messageID' = ?1 AND type = ";
            let counts = (
                count(&format!("{of_log} 'session.next.prompt.admitted.1'")),
                count(&format!("{of_log} 'session.next.prompted.1'")),
                count("SELECT count(*) FROM session_message WHERE id = ?1 AND type = 'user'"),
            );
            assert_eq!(counts, (1, 1, 1), "{} of {}", one.id, one.session);
        }
    }
}

/// All at once.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(all).await
}

/// Waits until a session rests.
async fn rest(server: &Served, session: &str) {
    let path = format!("/api/session/{session}/wait");
    let waited = tokio::time::timeout(LIMIT, server.send("POST", &path, None)).await;
    assert_eq!(waited.unwrap().status, 204);
}

/// What is open in a durable session, if anything is.
fn open(messages: &[Value]) -> Option<Value> {
    let is_open = |message: &Value| {
        let calls = message["content"].as_array().into_iter().flatten();
        let mut states = calls.filter_map(|call| call["state"]["status"].as_str());
        message["type"] == "assistant"
            && (message["time"]["completed"].is_null()
                || states.any(|state| !matches!(state, "completed" | "error")))
    };
    messages.iter().find(|message| is_open(message)).cloned()
}

#[tokio::test]
async fn gaps_5_and_9_and_21_and_25_nothing_is_lost_or_done_twice_when_the_server_is_killed_at_any_point() {
    let kills = number("OPENCODE_CHAOS_KILLS", KILLS);
    let seed = number("OPENCODE_CHAOS_SEED", 1);
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let mut done = 0;
    while done < kills {
        let mut world = Kills::new(seed.wrapping_add(done)).await;
        let mut server = world.home.serve().await;
        for _ in 0..OF_ONE_HOME.min(kills - done) {
            println!("seed {seed}, kill {done}");
            let sent = world.turn(server).await;
            world.left(&sent).await;
            server = world.home.serve().await;
            world.recovers(&server, &sent).await;
            done += 1;
        }
        let ended = server.stop().await;
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        world.left(&[]).await;
        world.seen.insert("commands that ran", world.commands_that_ran());
        for (what, count) in world.seen {
            *seen.entry(what).or_default() += count;
        }
    }
    println!("{kills} kills: {seen:?}");
}
