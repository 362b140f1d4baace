//! Sessions of very many messages: what is held stays bounded, and what was seen is seen again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opencode_client::{Reply, Request};
use opencode_schema::SessionId;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::SESSION;
use crate::stage::Stage;
use crate::transcript::scroll::Scroll;

/// Messages that may be held: what is seen, some pages around it, and the newest.
const HELD: usize = 1000;

/// A message of the session, an answer after each question.
fn message(number: usize) -> Value {
    let id = format!("msg_{number:026}");
    // Several are made in the same millisecond.
    let time = 1_000 + number / 3;
    let mut info = json!({ "id": id, "sessionID": SESSION, "time": { "created": time }, "agent": "build" });
    if number.is_multiple_of(2) {
        info["role"] = json!("user");
        info["model"] = json!({ "providerID": "p", "modelID": "m" });
    } else {
        let parent = format!("msg_{:026}", number - 1);
        let tokens = json!({ "input": 1, "output": 1, "reasoning": 0, "cache": { "read": 0, "write": 0 } });
        let more = json!({
            "role": "assistant", "parentID": parent, "providerID": "p", "modelID": "m", "mode": "build",
            "path": { "cwd": "/", "root": "/" }, "cost": 0, "tokens": tokens, "finish": "stop",
            "time": { "created": time, "completed": time + 1 },
        });
        for (key, value) in more.as_object().unwrap() {
            info[key] = value.clone();
        }
    }
    let part = json!({
        "id": format!("prt_{number:026}"), "sessionID": SESSION, "messageID": id, "type": "text",
        "text": format!("words {number}"),
    });
    json!({ "info": info, "parts": [part] })
}

/// A server that has so many messages.
fn serve(count: usize, request: &Request) -> Reply {
    let value = match request.path.last().map(String::as_str) {
        Some("message") => None,
        Some(SESSION) => Some(json!({
            "id": SESSION, "slug": "demo", "version": "1", "projectID": "p", "directory": "/home/me/demo",
            "title": "Demo", "time": { "created": 1, "updated": 1 },
        })),
        _ => Some(json!([])),
    };
    if let Some(value) = value {
        return Reply { value, older: None };
    }
    let query = |name: &str| {
        let mut query = request.query.iter();
        query
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    let end = query("before").map_or(count, |before| {
        let place: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(before).unwrap()).unwrap();
        let number: usize = place["id"].as_str().unwrap()[4..].parse().unwrap();
        assert_eq!(place["time"], json!(1_000 + number / 3));
        number
    });
    let first = end.saturating_sub(query("limit").unwrap().parse().unwrap());
    let messages: Vec<Value> = (first..end).map(message).collect();
    let older = json!({ "id": format!("msg_{first:026}"), "time": 1_000 + first / 3 });
    Reply {
        value: json!(messages),
        older: (first > 0).then(|| URL_SAFE_NO_PAD.encode(older.to_string())),
    }
}

struct Long {
    stage: Stage,
    count: usize,
    most: usize,
}

impl Long {
    fn new(count: usize) -> Self {
        let mut stage = Stage::in_session(80, 70, SESSION, "Demo");
        stage.act(|app| app.load_session(&SessionId::trusted(SESSION)));
        let mut long = Self {
            stage,
            count,
            most: 0,
        };
        long.look();
        long
    }

    /// Looks until nothing is to be read any more, and gives the screen.
    fn look(&mut self) -> String {
        for _ in 0..50 {
            let screen = self.stage.screen();
            let held = self.stage.app.store.conversations[&SessionId::trusted(SESSION)].held();
            self.most = self.most.max(held);
            if !self.stage.app.is_followed() && self.stage.asked().is_empty() {
                assert!(held <= HELD, "{held} messages are held");
                return screen;
            }
            self.stage.act(crate::app::App::follow_view);
            let count = self.count;
            self.stage.serve(|request| serve(count, request));
        }
        panic!("it never ends");
    }

    fn scroll(&mut self, scroll: Scroll) -> String {
        self.stage
            .act(move |app| app.scroll(&SessionId::trusted(SESSION), &scroll));
        self.look()
    }

    /// The numbers of the messages that are seen.
    fn seen(screen: &str) -> Vec<usize> {
        let words = screen.split("words ").skip(1);
        let numbers = words.filter_map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next());
        numbers.filter_map(|number| number.parse().ok()).collect()
    }

    /// A new message at the end.
    fn grow(&mut self) {
        let new = message(self.count);
        self.count += 1;
        let info = &new["info"];
        self.stage
            .hear("message.updated", &json!({ "sessionID": SESSION, "info": info }));
        let part = &new["parts"][0];
        let told = json!({ "sessionID": SESSION, "part": part, "time": 1 });
        self.stage.hear("message.part.updated", &told);
    }
}

#[test]
fn what_is_held_stays_bounded_from_the_end_to_the_top_and_back() {
    let mut long = Long::new(10_000);
    let end = long.scroll(Scroll::Last);
    let (mut screens, mut seen) = (vec![], vec![]);
    // To the top, remembering what was seen on the way.
    loop {
        let screen = long.scroll(Scroll::Lines(-170));
        let now = Long::seen(&screen);
        if seen.last() == Some(&now) {
            break;
        }
        seen.push(now);
        screens.push(screen);
        assert!(screens.len() < 1_000);
    }
    assert_eq!(seen.last().unwrap().first(), Some(&0));
    // Back down: every message comes by, none is left out.
    let mut known = vec![false; 10_000];
    for step in 0..5_000 {
        let screen = long.scroll(Scroll::Lines(if step == 0 { 0 } else { 50 }));
        for number in Long::seen(&screen) {
            known[number] = true;
        }
        if known[9_999] {
            break;
        }
    }
    let missing: Vec<usize> = (0..10_000).filter(|number| !known[*number]).collect();
    assert_eq!(missing, [0; 0]);
    assert_eq!(long.scroll(Scroll::Last), end);
    assert!(long.most > 300, "nothing was let go");
}

#[test]
fn the_same_place_looks_the_same_after_coming_back_to_it() {
    let mut long = Long::new(3_000);
    for _ in 0..40 {
        long.scroll(Scroll::Lines(-100));
    }
    let there = long.scroll(Scroll::Lines(-1));
    // In steps that never come to the edge of what is loaded before more of it is.
    for _ in 0..120 {
        long.scroll(Scroll::Lines(-10));
    }
    for _ in 0..120 {
        long.scroll(Scroll::Lines(10));
    }
    assert_eq!(long.scroll(Scroll::Lines(0)), there);
}

#[test]
fn who_is_far_up_comes_to_the_newest_at_once() {
    let mut long = Long::new(2_000);
    for _ in 0..60 {
        long.scroll(Scroll::Lines(-100));
    }
    for _ in 0..700 {
        long.grow();
    }
    let far = long.look();
    assert!(Long::seen(&far).iter().all(|number| *number < 1_500), "{far}");
    for scroll in [Scroll::Last, Scroll::LastUser] {
        let screen = long.scroll(scroll);
        assert!(Long::seen(&screen).contains(&2_699), "{screen}");
        for _ in 0..20 {
            long.scroll(Scroll::Lines(-100));
        }
    }
    // From there, every message is on the way up again.
    let mut numbers: Vec<usize> = Vec::new();
    long.scroll(Scroll::Last);
    for _ in 0..120 {
        numbers.extend(Long::seen(&long.scroll(Scroll::Lines(-40))));
    }
    numbers.sort_unstable();
    numbers.dedup();
    let (first, last) = (numbers[0], *numbers.last().unwrap());
    assert_eq!(numbers, (first..=last).collect::<Vec<_>>());
}

#[test]
fn a_session_that_grows_is_let_go_behind() {
    let mut long = Long::new(100);
    for _ in 0..600 {
        long.grow();
        long.look();
    }
    assert!(long.most < 500, "{} messages are held", long.most);
    let screen = long.scroll(Scroll::Lines(0));
    assert!(Long::seen(&screen).contains(&699), "{screen}");
}
