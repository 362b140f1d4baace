//! The whole face for tests: keys and answers go in, effects and pictures come out.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use opencode_client::{Error, Reply, Request, Signal};
use opencode_config::{Environment, Paths};
use opencode_schema::Event as Told;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Value, json};

use crate::app::{App, Arguments, Input};
use crate::effect::{Effect, Then};
use crate::key::{Code, Modifiers, Press};
use crate::mini::Replay;
use crate::settings::Settings;
use crate::terminal::event::{Event, Paste};
use crate::view;

/// A request that waits for its answer.
type Asked = (Request, Then<Result<Reply, Error>>);
/// A file that is to be written.
type Writing = (PathBuf, String, Then<Result<(), String>>);
/// A text that is to be edited.
type Editing = (String, Then<Result<Option<String>, String>>);

/// The face, and what it wants.
pub(crate) struct Stage {
    /// The state.
    pub(crate) app: App,
    /// What it wants besides answers, as text.
    pub(crate) wants: Vec<String>,
    /// Files that it wants written, and what becomes of that.
    pub(crate) writes: VecDeque<Writing>,
    /// Texts that it wants edited.
    pub(crate) edits: VecDeque<Editing>,
    asked: VecDeque<Asked>,
    start: Instant,
}

/// The time of the clock in tests: 2026-01-02 03:04:05 UTC.
pub(crate) const CLOCK: i64 = 1_767_323_045_000;

impl Stage {
    /// A face whose server has told what is needed: a folder, an agent, a provider with a model.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Self::with(width, height, |_, _| None)
    }

    /// The same with other answers at the start; `change` gets the path and the usual answer.
    pub(crate) fn with(width: u16, height: u16, change: impl Fn(&str, &Value) -> Option<Value>) -> Self {
        Self::begun(&[], Arguments::default(), (width, height), change)
    }

    /// The same with more variables in its environment.
    pub(crate) fn in_environment(variables: &[(&str, &str)]) -> Self {
        Self::begun(variables, Arguments::default(), (100, 30), |_, _| None)
    }

    /// The same with something on its command line.
    pub(crate) fn with_arguments(arguments: Arguments) -> Self {
        Self::begun(&[], arguments, (100, 30), |_, _| None)
    }

    /// The face without a screen of its own, with a provider.
    pub(crate) fn mini(width: u16, height: u16, replay: Replay) -> Self {
        let arguments = Arguments {
            mini: Some(replay),
            ..Arguments::default()
        };
        Self::begun(&[], arguments, (width, height), |_, _| None).connected()
    }

    fn begun(
        variables: &[(&str, &str)],
        arguments: Arguments,
        (width, height): (u16, u16),
        change: impl Fn(&str, &Value) -> Option<Value>,
    ) -> Self {
        let home = [("HOME", "/home/me")];
        let variables = home.iter().chain(variables);
        let environment: Environment = variables
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let paths = Paths::new(&environment);
        let settings = Settings::read(&environment, &paths, "/home/me/demo".into(), "1.0.0".into()).in_utc();
        let mut stage = Self {
            app: App::new(settings, arguments, (width, height)),
            wants: Vec::new(),
            writes: VecDeque::new(),
            edits: VecDeque::new(),
            asked: VecDeque::new(),
            start: Instant::now(),
        };
        stage.input(Input::Signal(Signal::Open { again: false }));
        while let Some((request, then)) = stage.asked.pop_front() {
            let path = request.path.join("/");
            let usual = usual(&path);
            let value = change(&path, &usual).unwrap_or(usual);
            stage.finish(then, Ok(Reply { value, older: None }));
        }
        stage.wants.clear();
        stage.app.settings.switches.tips_hidden = true;
        stage
    }

    /// The same in a session without messages, and without windows.
    pub(crate) fn in_session(width: u16, height: u16, id: &str, title: &str) -> Self {
        let mut stage = Self::new(width, height);
        stage.enter(id, title);
        stage.asked.clear();
        stage.wants.clear();
        stage
    }

    /// Shows a session that the server has.
    pub(crate) fn enter(&mut self, id: &str, title: &str) {
        let session = json!({
            "id": id, "slug": "demo", "version": "1.0.0", "projectID": "global", "directory": "/home/me/demo",
            "title": title, "time": { "created": CLOCK, "updated": CLOCK },
        });
        let session: opencode_schema::Session = serde_json::from_value(session).expect("a session");
        self.act(move |app| {
            let id = session.id.clone();
            app.store.sessions.insert(id.clone(), session);
            app.open_session(&id);
        });
    }

    /// What is printed now, and what is drawn below it, as text.
    pub(crate) fn print(&mut self) -> (String, String) {
        let picture = view::mini::draw(&mut self.app);
        let printed = crate::row::plain(&picture.printed);
        (printed, text(&picture.drawn, picture.drawn.area))
    }

    /// The server answers a question whose path ends like that, with a page after which there are older ones or not.
    pub(crate) fn answer_page(&mut self, end: &str, value: Value, older: Option<&str>) {
        let ends = |(request, _): &Asked| request.path.last().is_some_and(|last| *last == end);
        let at = self.asked.iter().position(ends).expect("a question");
        let (_, then) = self.asked.remove(at).expect("a question");
        let older = older.map(str::to_owned);
        self.finish(then, Ok(Reply { value, older }));
    }

    /// The same with a provider that is connected, which has a model.
    pub(crate) fn connected(mut self) -> Self {
        let sides = json!({ "text": true, "audio": false, "image": false, "video": false, "pdf": false });
        let model = json!({
            "id": "scripted", "providerID": "scripted", "name": "Scripted", "status": "active",
            "api": { "id": "scripted", "url": "http://test", "npm": "@ai-sdk/openai-compatible" },
            "headers": {}, "options": {}, "release_date": "2026-01-01",
            "cost": { "input": 0, "output": 0, "cache": { "read": 0, "write": 0 } },
            "limit": { "context": 1000, "output": 100 },
            "capabilities": {
                "temperature": true, "reasoning": false, "attachment": false, "toolcall": true,
                "input": sides, "output": sides, "interleaved": false,
            },
        });
        let providers = json!({ "default": {}, "providers": [{
            "id": "scripted", "name": "Scripted", "source": "config", "env": [], "options": {},
            "models": { "scripted": model },
        }] });
        let providers = serde_json::from_value(providers).expect("providers");
        self.act(move |app| {
            app.dialogs.clear();
            app.store.set_providers(providers);
        });
        self
    }

    pub(crate) fn input(&mut self, input: Input) {
        let now = self.start + Duration::from_secs(1);
        for effect in self.app.update(input, now, CLOCK) {
            match effect {
                Effect::Ask(request, then) => self.asked.push_back((request, then)),
                Effect::Write(path, text, then) => self.writes.push_back((path, text, then)),
                Effect::Edit(text, then) => self.edits.push_back((text, then)),
                Effect::After(..) => {}
                effect => self.wants.push(format!("{effect:?}")),
            }
        }
    }

    fn finish(&mut self, then: Then<Result<Reply, Error>>, reply: Result<Reply, Error>) {
        self.input(Input::Answer(Box::new(move |app| then(app, reply))));
    }

    /// Does something with the state, as an answer would.
    pub(crate) fn act(&mut self, act: impl FnOnce(&mut App) + 'static) {
        self.input(Input::Answer(Box::new(act)));
    }

    /// Presses keys, each by its name, with blanks between.
    pub(crate) fn keys(&mut self, names: &str) {
        for name in names.split_whitespace() {
            let mut modifiers = Modifiers::NONE;
            let mut key = name;
            while let Some((modifier, rest)) =
                key.split_once('+').filter(|(modifier, _)| !modifier.is_empty())
            {
                modifiers = modifiers.with(Modifiers::named(modifier).expect("a modifier"));
                key = rest;
            }
            let mut letters = key.chars();
            let code = match (Code::named(key), letters.next(), letters.next()) {
                (Some(code), ..) => code,
                (None, Some(letter), None) => Code::Char(letter),
                _ => panic!("{name} is no key"),
            };
            self.input(Input::Terminal(Event::Key(Press::new(code, modifiers))));
        }
    }

    /// Types a text.
    pub(crate) fn text(&mut self, text: &str) {
        let text = text.to_owned();
        self.input(Input::Terminal(Event::Paste(Paste { text, cut: false })));
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, id: &'static str) {
        self.act(move |app| assert!(app.run(id), "{id} means nothing"));
    }

    /// Clicks somewhere.
    pub(crate) fn click(&mut self, column: u16, row: u16) {
        use crate::terminal::event::{Button, Mouse, MouseKind};
        for kind in [MouseKind::Down(Button::Left), MouseKind::Up(Button::Left)] {
            let modifiers = Modifiers::NONE;
            self.input(Input::Terminal(Event::Mouse(Mouse {
                kind,
                column,
                row,
                modifiers,
            })));
        }
    }

    /// The mouse does something somewhere.
    pub(crate) fn mouse(&mut self, kind: crate::terminal::event::MouseKind, column: u16, row: u16) {
        let modifiers = Modifiers::NONE;
        self.input(Input::Terminal(Event::Mouse(crate::terminal::event::Mouse {
            kind,
            column,
            row,
            modifiers,
        })));
    }

    /// The first row of the screen with something in it.
    pub(crate) fn first_row(&mut self) -> u16 {
        let buffer = self.buffer();
        let is_empty = |y: &u16| (0..buffer.area.width).all(|x| buffer[(x, *y)].symbol() == " ");
        (0..buffer.area.height).find(|y| !is_empty(y)).unwrap_or(0)
    }

    /// Something happens at the server.
    pub(crate) fn hear(&mut self, kind: &str, properties: &Value) {
        let told = json!({ "id": "evt_1", "type": kind, "properties": properties });
        let event: Told = serde_json::from_value(told).expect("an event");
        self.input(Input::Signal(Signal::Event(Box::new(event))));
    }

    /// The stream of events breaks off.
    pub(crate) fn lose(&mut self, reason: &str) {
        self.input(Input::Signal(Signal::Lost(Error::Unreachable {
            server: "http://test".to_owned(),
            reason: reason.to_owned(),
        })));
    }

    /// The stream of events is there again.
    pub(crate) fn find_again(&mut self) {
        self.input(Input::Signal(Signal::Open { again: true }));
    }

    /// What the server is asked for now.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.iter().map(|(request, _)| {
            let query: String = request
                .query
                .iter()
                .map(|(name, value)| format!(" {name}={value}"))
                .collect();
            let body = request
                .body
                .as_ref()
                .map_or_else(String::new, |body| format!(" {body}"));
            format!("{} /{}{query}{body}", request.method, request.path.join("/"))
        });
        asked.collect()
    }

    /// Nothing that the server is asked for now is answered.
    pub(crate) fn forget_asked(&mut self) {
        self.asked.clear();
    }

    /// Another key is configured for an action.
    pub(crate) fn bind(&mut self, action: &str, keys: &str) {
        let keybinds = [(action.to_owned(), json!(keys))].into_iter().collect();
        let (keymap, problems) = crate::keymap::Keymap::new(&keybinds, Duration::from_secs(2));
        assert!(problems.is_empty(), "{problems:?}");
        self.app.keymap = keymap;
    }

    /// The server answers the oldest question.
    pub(crate) fn answer(&mut self, value: Value) {
        let (_, then) = self.asked.pop_front().expect("a question");
        self.finish(then, Ok(Reply { value, older: None }));
    }

    /// The server answers everything that it is asked now.
    pub(crate) fn serve(&mut self, answer: impl Fn(&Request) -> Reply) {
        for (request, then) in std::mem::take(&mut self.asked) {
            let reply = answer(&request);
            self.finish(then, Ok(reply));
        }
    }

    /// The server refuses the oldest question.
    pub(crate) fn refuse(&mut self, reason: &str) {
        let (_, then) = self.asked.pop_front().expect("a question");
        let error = Error::Unreachable {
            server: "http://test".to_owned(),
            reason: reason.to_owned(),
        };
        self.finish(then, Err(error));
    }

    /// The server answers nothing of what it was asked.
    pub(crate) fn forget(&mut self) {
        self.asked.clear();
    }

    /// The server answers everything that is read at the start as it did then.
    pub(crate) fn answer_load(&mut self) {
        for _ in 0..self.asked.len() {
            let Some((request, then)) = self.asked.pop_front() else {
                return;
            };
            let value = usual(&request.path.join("/"));
            self.finish(then, Ok(Reply { value, older: None }));
        }
    }

    /// The screen.
    pub(crate) fn buffer(&mut self) -> Buffer {
        let (width, height) = self.app.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        view::draw(&mut self.app, &mut buffer);
        buffer
    }

    /// The screen as text, without blanks at the ends of rows and empty rows at its own.
    pub(crate) fn screen(&mut self) -> String {
        self.part(|_, screen| screen)
    }

    /// The dialog on top as text.
    pub(crate) fn dialog(&mut self) -> String {
        self.part(|app, _| app.places.dialog)
    }

    fn part(&mut self, area: impl Fn(&App, Rect) -> Rect) -> String {
        let buffer = self.buffer();
        let area = area(&self.app, buffer.area);
        text(&buffer, area)
    }

    /// Draws at sizes at which nothing fits; nothing may panic.
    pub(crate) fn squeeze(&mut self) {
        let size = self.app.size;
        for (width, height) in [(1, 1), (20, 5), (3, 40), (200, 2), (40, 12)] {
            self.input(Input::Terminal(Event::Resize(width, height)));
            self.buffer();
        }
        self.input(Input::Terminal(Event::Resize(size.0, size.1)));
    }
}

/// A part of a picture as text.
fn text(buffer: &Buffer, area: Rect) -> String {
    let mut rows: Vec<String> = Vec::new();
    for y in area.top()..area.bottom() {
        let mut row = String::new();
        for x in area.left()..area.right() {
            row.push_str(buffer[(x, y)].symbol());
        }
        rows.push(row.trim_end().to_owned());
    }
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    let first = rows.iter().position(|row| !row.is_empty()).unwrap_or(0);
    rows.split_off(first).join("\n")
}

/// What the server of these tests answers.
fn usual(path: &str) -> Value {
    match path {
        "path" => json!({
            "home": "/home/me", "state": "/home/me/.local/state/opencode", "config": "/home/me/.config/opencode",
            "worktree": "/home/me/demo", "directory": "/home/me/demo",
        }),
        "config/providers" => json!({ "providers": [], "default": {} }),
        "provider" => json!({
            "all": [
                { "id": "zed", "name": "Zed" },
                { "id": "anthropic", "name": "Anthropic" },
                { "id": "opencode", "name": "OpenCode Zen" },
                { "id": "alpha", "name": "alpha" },
            ],
            "connected": ["anthropic"],
            "default": {},
        }),
        "config" | "session/status" | "mcp" | "vcs" => json!({}),
        "api/reference" => json!({ "data": [] }),
        _ => json!([]),
    }
}
