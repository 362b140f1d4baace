//! What carries out what the state wants, and brings in what happens: the terminal, the server, files, the
//! clock. Nothing happens here unless something came in: at rest nothing wakes up.

mod bridge;
mod files;
mod outside;

use std::io;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use opencode_client::{Client, Error, Events, Reply, Request};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use crate::app::{App, Arguments, Input};
use crate::effect::{Exit, Then};
use crate::settings::Settings;
use crate::terminal::device::{Device, Terminal};
use crate::terminal::event::Event;
use crate::terminal::features::Features;
use crate::terminal::keyboard::Keyboard;
use crate::terminal::screen::Screen;
use crate::terminal::signals::Signals;
use crate::view;
use bridge::Bridge;
use files::Writer;

/// Pictures a second at most, while nobody types.
const PICTURE: Duration = Duration::from_millis(16);
/// Things that the terminal told and were not taken yet.
const EVENTS: usize = 1024;
/// Inputs that are taken before the next picture.
const AT_ONCE: usize = 256;

/// What the face is started with.
pub struct Options {
    /// What is configured and kept.
    pub settings: Settings,
    /// What the command line asked for.
    pub arguments: Arguments,
    /// The way to the server; the screen is there before it is.
    pub connect: LocalBoxFuture<'static, Result<Client, String>>,
}

type Work = FuturesUnordered<LocalBoxFuture<'static, Input>>;

type Edited = Then<Result<Option<String>, String>>;

struct Runtime {
    app: App,
    screen: Screen<Terminal>,
    keyboard: Keyboard,
    events: mpsc::Receiver<Event>,
    work: Work,
    client: Option<Client>,
    server: Option<Events>,
    bridge: Bridge,
    /// What was asked before the server was there.
    early: Vec<(Request, Then<Result<Reply, Error>>)>,
    writer: Writer,
    is_stale: bool,
    drawn: Instant,
    spare: Option<Buffer>,
    exit: Option<Exit>,
    suspends: bool,
    edits: Option<(String, Edited)>,
}

/// Runs the face on the terminal until the user has enough.
///
/// # Errors
/// Standard output is no terminal, or the terminal is gone.
pub async fn run(options: Options) -> io::Result<Exit> {
    let (device, input) = Terminal::open()?;
    let features = Features::of(&options.settings.environment);
    let mut screen = Screen::new(device, features, options.settings.modes());
    let size = screen.size()?;
    let settings = &options.settings;
    let bridge = Bridge::start(&settings.environment, settings.home(), settings.version());
    let app = App::new(options.settings, options.arguments, size);
    screen.set_ground(app.theme.background);
    let (sender, events) = mpsc::channel(EVENTS);
    screen.enter()?;
    let keyboard = Keyboard::start(input, sender.clone())?;
    let signals = Signals::new()?;
    let work = Work::new();
    let connect = options.connect;
    let mut runtime = Runtime {
        app,
        screen,
        keyboard,
        events,
        work,
        client: None,
        server: None,
        bridge,
        early: Vec::new(),
        writer: Writer::start(),
        is_stale: true,
        drawn: Instant::now(),
        spare: None,
        exit: None,
        suspends: false,
        edits: None,
    };
    let telling = tokio::spawn(signals.tell(sender, || {
        let (device, _) = Terminal::open().ok()?;
        device.size().ok()
    }));
    runtime.draw()?;
    runtime.screen.ask()?;
    let result = runtime.turn(connect).await;
    telling.abort();
    let left = runtime.screen.leave();
    runtime.writer.finish();
    result.and(left)?;
    Ok(runtime.exit.unwrap_or_default())
}

impl Runtime {
    async fn turn(&mut self, connect: LocalBoxFuture<'static, Result<Client, String>>) -> io::Result<()> {
        let mut connect = Some(connect);
        let mut last_frame = Instant::now();
        while self.exit.is_none() {
            let animation = self.app.animation().map(|period| last_frame + period);
            let due = self.is_stale.then_some(self.drawn + PICTURE);
            tokio::select! {
                biased;
                event = self.events.recv() => {
                    let Some(event) = event else {
                        return Err(io::Error::other("the terminal is gone"));
                    };
                    let typed = matches!(event, Event::Key(_) | Event::Paste(_) | Event::Resize(..));
                    self.event(event)?;
                    for _ in 0..AT_ONCE {
                        match self.events.try_recv() {
                            Ok(event) => self.event(event)?,
                            Err(_) => break,
                        }
                    }
                    if typed {
                        self.draw()?;
                    }
                }
                // Before what the server tells, of which there can be more than can be drawn.
                () = at(due), if due.is_some() => self.draw()?,
                () = at(animation), if animation.is_some() => {
                    last_frame = Instant::now();
                    self.input(Input::Frame);
                }
                Some(input) = self.work.next(), if !self.work.is_empty() => self.input(input),
                client = connected(&mut connect), if connect.is_some() => {
                    connect = None;
                    match client {
                        Ok(client) => self.connect(client),
                        Err(reason) => self.input(Input::Fatal(reason)),
                    }
                }
                signal = heard(&mut self.server), if self.server.is_some() => {
                    self.input(Input::Signal(signal));
                }
                notice = self.bridge.next() => self.input(Input::Bridge(notice)),
            }
            self.outside().await?;
        }
        Ok(())
    }

    fn connect(&mut self, client: Client) {
        self.server = Some(client.events());
        for (request, then) in std::mem::take(&mut self.early) {
            self.work.push(ask(client.clone(), request, then));
        }
        self.client = Some(client);
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        if event == Event::Resumed {
            self.screen.resume()?;
            self.app.size = self.screen.size()?;
            self.screen.forget();
        }
        let reloads = event == Event::Reload;
        self.input(Input::Terminal(event));
        if reloads {
            self.screen.set_modes(self.app.settings.modes())?;
        }
        Ok(())
    }

    fn input(&mut self, input: Input) {
        let clock = jiff::Timestamp::now().as_millisecond();
        let effects = self.app.update(input, Instant::now(), clock);
        self.is_stale = true;
        for effect in effects {
            self.effect(effect);
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let (width, height) = self.app.size;
        let area = Rect::new(0, 0, width, height);
        let mut buffer = self.spare.take().unwrap_or_default();
        buffer.resize(area);
        buffer.reset();
        let cursor = view::draw(&mut self.app, &mut buffer);
        self.screen.set_ground(self.app.theme.background);
        self.spare = self.screen.draw(buffer, cursor)?;
        self.is_stale = false;
        self.drawn = Instant::now();
        for job in self.app.highlighter.take_jobs() {
            self.work.push(Box::pin(async move {
                let done = tokio::task::spawn_blocking(move || job.run()).await;
                Input::Answer(Box::new(move |app| {
                    if let Ok(done) = done {
                        app.highlighter.finish(done);
                    }
                }))
            }));
        }
        if self.app.is_followed() {
            self.input(Input::Answer(Box::new(App::follow_view)));
        }
        Ok(())
    }
}

/// The client, when it is there.
async fn connected(
    connect: &mut Option<LocalBoxFuture<'static, Result<Client, String>>>,
) -> Result<Client, String> {
    match connect {
        Some(connect) => connect.await,
        None => std::future::pending().await,
    }
}

async fn heard(server: &mut Option<Events>) -> opencode_client::Signal {
    match server {
        Some(server) => server.next().await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

fn ask(client: Client, request: Request, then: Then<Result<Reply, Error>>) -> LocalBoxFuture<'static, Input> {
    Box::pin(async move {
        let reply = client.send(request).await;
        Input::Answer(Box::new(move |app| then(app, reply)))
    })
}
