//! What carries out what the state wants, and brings in what happens: the terminal, the server, files, the
//! clock. Nothing happens here unless something came in: at rest nothing wakes up.

mod bridge;
mod files;
mod outside;

use std::any::Any;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use opencode_client::{Client, Error, Events, Reply, Request};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use crate::app::{App, Arguments, Input};
use crate::crash::{Crash, Wish};
use crate::effect::{Exit, Then};
use crate::row::Row;
use crate::settings::Settings;
use crate::terminal::device::{Device, Terminal};
use crate::terminal::event::Event;
use crate::terminal::features::Features;
use crate::terminal::keyboard::Keyboard;
use crate::terminal::screen::Screen;
use crate::terminal::screen::below::Sheet;
use crate::terminal::sequence::Modes;
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
    /// What went wrong in the state or in drawing it, until the user has chosen what becomes of it.
    crash: Option<Crash>,
    /// It began again after that.
    is_second: bool,
}

/// Runs the face on the terminal until the user has enough.
///
/// # Errors
/// Standard output is no terminal, or the terminal is gone.
pub async fn run(options: Options) -> io::Result<Exit> {
    let (device, input) = Terminal::open()?;
    run_on(device, input, options).await
}

async fn run_on(device: Terminal, input: OwnedFd, options: Options) -> io::Result<Exit> {
    let features = Features::of(&options.settings.environment);
    let mut screen = match options.arguments.mini {
        None => Screen::new(device, features, options.settings.modes()),
        Some(_) => Screen::below(device, features, without_mouse(options.settings.modes())),
    };
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
        crash: None,
        is_second: false,
    };
    let telling = tokio::spawn(signals.tell(sender, || {
        let (device, _) = Terminal::open().ok()?;
        device.size().ok()
    }));
    runtime.draw()?;
    runtime.screen.ask()?;
    let turned = AssertUnwindSafe(runtime.turn(connect)).catch_unwind().await;
    let result = turned.unwrap_or_else(|panic| {
        let crash = runtime.crash_of(&*panic);
        runtime.exit = Some(crash.exit(&runtime.app.words));
        Ok(())
    });
    telling.abort();
    let printed = match runtime.app.mini {
        Some(_) if result.is_ok() && runtime.crash.is_none() => runtime.print_last(),
        _ => Ok(()),
    };
    let left = runtime.screen.leave();
    runtime.writer.finish();
    result.and(printed).and(left)?;
    Ok(runtime.exit.unwrap_or_default())
}

impl Runtime {
    async fn turn(&mut self, connect: LocalBoxFuture<'static, Result<Client, String>>) -> io::Result<()> {
        let mut connect = Some(connect);
        let mut last_frame = Instant::now();
        while self.exit.is_none() {
            let animation = self.app.animation().filter(|_| self.crash.is_none());
            let animation = animation.map(|period| last_frame + period);
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
            let (columns, rows) = self.screen.size()?;
            self.screen.forget();
            self.input(Input::Terminal(Event::Resize(columns, rows)));
        }
        if self.crash.is_some() {
            self.crashed(&event)?;
            return Ok(());
        }
        let reloads = event == Event::Reload;
        self.input(Input::Terminal(event));
        if reloads {
            let modes = self.app.settings.modes();
            self.screen.set_modes(match self.app.mini {
                None => modes,
                Some(_) => without_mouse(modes),
            })?;
        }
        Ok(())
    }

    fn input(&mut self, input: Input) {
        if self.crash.is_some() {
            return;
        }
        let clock = jiff::Timestamp::now().as_millisecond();
        let app = &mut self.app;
        let updated = catch_unwind(AssertUnwindSafe(|| app.update(input, Instant::now(), clock)));
        self.is_stale = true;
        match updated {
            Ok(effects) => {
                for effect in effects {
                    self.effect(effect);
                }
            }
            Err(panic) => self.crash = Some(self.crash_of(&*panic)),
        }
    }

    /// What is told of a mistake of this program.
    fn crash_of(&self, panic: &(dyn Any + Send)) -> Crash {
        let session = self.app.session();
        let session = session.map(|session| (session.title.clone(), session.id.to_string()));
        Crash::new(panic, &self.app.settings.paths.log(), session)
    }

    /// Takes what the terminal tells while it is told what went wrong.
    fn crashed(&mut self, event: &Event) -> io::Result<()> {
        if let Event::Resize(..) = event {
            self.app.size = self.screen.size()?;
        }
        self.is_stale = true;
        let Some(crash) = &mut self.crash else {
            return Ok(());
        };
        match crash.event(event) {
            Some(Wish::Copy) => {
                let settings = &self.app.settings;
                let report = crash.report(settings.version(), settings.terminal(), self.app.size);
                self.copy(report);
            }
            Some(Wish::Restart) => self.begin_again()?,
            Some(Wish::Quit) => self.exit = Some(crash.exit(&self.app.words)),
            None => {}
        }
        Ok(())
    }

    /// Begins again with a new state, in the session that was shown. What was written is there again, unless that is
    /// what went wrong twice.
    fn begin_again(&mut self) -> io::Result<()> {
        self.crash = None;
        let old = &mut self.app;
        let settings = Settings::read(
            &old.settings.environment,
            &old.settings.paths,
            old.settings.directory().to_owned(),
            old.settings.version().to_owned(),
        );
        let arguments = Arguments {
            session: old.session_id().map(ToString::to_string),
            is_auto: old.is_auto,
            ..Arguments::default()
        };
        let mut app = App::new(settings, arguments, self.screen.size()?);
        app.entered = old.entered.take();
        app.place = old.place.take();
        app.workspace = old.workspace.take();
        if !std::mem::replace(&mut self.is_second, true) {
            app.prompt.put_draft(&old.prompt.take_draft());
        }
        self.app = app;
        // What was asked for was asked for by the state that is gone.
        self.work = Work::new();
        self.early.clear();
        self.server = self.client.as_ref().map(Client::events);
        self.spare = None;
        self.screen.forget();
        self.screen.ask()
    }

    fn draw(&mut self) -> io::Result<()> {
        match self.app.mini.as_ref().map(|mini| mini.is_resizing()) {
            None => self.draw_whole()?,
            Some(false) => self.draw_below()?,
            Some(true) => {}
        }
        if self.app.mini.is_some()
            && let Some(crash) = &self.crash
        {
            // Without a screen of its own there is no place to ask what is to become of it.
            self.exit = Some(crash.exit(&self.app.words));
        }
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
        if self.crash.is_none() && self.app.is_followed() {
            self.input(Input::Answer(Box::new(App::follow_view)));
        }
        Ok(())
    }
}

impl Runtime {
    fn draw_whole(&mut self) -> io::Result<()> {
        let (width, height) = self.app.size;
        let area = Rect::new(0, 0, width, height);
        let mut buffer = self.spare.take().unwrap_or_default();
        buffer.resize(area);
        buffer.reset();
        if self.crash.is_none() {
            let app = &mut self.app;
            let drawn = catch_unwind(AssertUnwindSafe(|| view::draw(app, &mut buffer)));
            match drawn {
                Ok(cursor) => return self.show(buffer, cursor),
                Err(panic) => self.crash = Some(self.crash_of(&*panic)),
            }
            buffer = Buffer::empty(area);
        }
        let (theme, words) = (&self.app.theme, &self.app.words);
        let crash = self.crash.as_mut();
        let cursor = crash.and_then(|crash| crash.draw(theme, words, &mut buffer));
        self.show(buffer, cursor)
    }

    fn show(&mut self, buffer: Buffer, cursor: Option<Position>) -> io::Result<()> {
        self.screen.set_ground(self.app.theme.background);
        self.spare = self.screen.draw(buffer, cursor)?;
        Ok(())
    }

    fn draw_below(&mut self) -> io::Result<()> {
        let (width, height) = self.app.size;
        self.screen.fit(width, height);
        if self.crash.is_some() {
            return Ok(());
        }
        let app = &mut self.app;
        let picture = match catch_unwind(AssertUnwindSafe(|| view::mini::draw(app))) {
            Ok(picture) => picture,
            Err(panic) => {
                self.crash = Some(self.crash_of(&*panic));
                return Ok(());
            }
        };
        let printed = lines(&picture.printed, width);
        self.screen.set_ground(self.app.theme.background);
        let sheet = Sheet {
            is_anew: picture.is_anew,
            drawn: picture.drawn,
            cursor: picture.cursor,
        };
        self.screen.draw_below(printed, sheet)
    }

    /// What was said and may still have changed stays, too, when the program ends.
    fn print_last(&mut self) -> io::Result<()> {
        let (width, _) = self.app.size;
        let rows = view::mini::last(&mut self.app);
        let sheet = Sheet {
            is_anew: false,
            drawn: Buffer::empty(Rect::new(0, 0, width, 1)),
            cursor: None,
        };
        self.screen.draw_below(lines(&rows, width), sheet)
    }
}

/// Rows as they are printed.
fn lines(rows: &[Row], width: u16) -> impl Iterator<Item = Buffer> {
    rows.iter().map(move |row| {
        let mut line = Buffer::empty(Rect::new(0, 0, width, 1));
        row.draw(&mut line, 0, 0, width);
        line
    })
}

/// The mouse stays the terminal's where its own scrolling is used.
fn without_mouse(modes: Modes) -> Modes {
    Modes {
        mouse: false,
        ..modes
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

#[cfg(test)]
mod tests;
