//! What is done outside of the state: requests, files, the clipboard, other programs.

use std::io;
use std::path::Path;
use std::time::Duration;

use opencode_config::environment::variable;
use opencode_process::browser;

use super::{Runtime, ask};
use crate::app::Input;
use crate::effect::{Clipping, Effect, Then};
use crate::terminal::clipboard::{self, Content};
use crate::terminal::event::Event;
use crate::terminal::{notification, sequence, sound};
use crate::toast::Variant;

/// Most bytes of a file that is attached.
const FILE_LIMIT: u64 = 32 * 1024 * 1024;
/// How long the clipboard may take.
const CLIPBOARD_LIMIT: Duration = Duration::from_secs(5);

impl Runtime {
    pub(super) fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(request, then) => match &self.client {
                Some(client) => self.work.push(ask(client.clone(), request, then)),
                None => self.early.push((request, then)),
            },
            Effect::Enter(directory) => {
                if let Some(client) = &mut self.client {
                    client.set_directory(Some(directory));
                    self.server = Some(client.events());
                }
            }
            Effect::Bridge(folder) => self.bridge.work_in(folder),
            Effect::Keep(path, text) => self.writer.keep(path, text),
            Effect::Append(path, line) => self.writer.append(path, line),
            Effect::Write(path, text, then) => self.work.push(Box::pin(async move {
                let written = fs_err::tokio::write(&path, text).await;
                answer(then, written.map_err(|error| error.to_string()))
            })),
            Effect::Read(path, then) => self.work.push(Box::pin(async move {
                let content = read(&path).await;
                answer(then, content)
            })),
            Effect::Copy(text) => self.copy(text),
            Effect::Paste(then) => {
                let environment = self.app.settings.environment.clone();
                self.work.push(Box::pin(async move {
                    let content = tokio::time::timeout(CLIPBOARD_LIMIT, clipboard::paste(&environment)).await;
                    let clipping = match content.ok().flatten() {
                        None => Clipping::Nothing,
                        Some(Content::Text(text)) => Clipping::Text(text),
                        Some(Content::Image(data)) => Clipping::Image {
                            mime: "image/png".to_owned(),
                            data,
                        },
                    };
                    answer(then, clipping)
                }));
            }
            Effect::Edit(text, then) => self.edits = Some((text, then)),
            Effect::Browse(address) => self.browse(address),
            Effect::Title(title) => {
                if let Err(error) = self.screen.set_title(&title) {
                    tracing::warn!(%error, "the terminal was not named");
                }
            }
            Effect::Notify {
                title,
                message,
                sound,
                is_child,
            } => {
                let settings = &self.app.settings;
                let call = notification::call(&settings.tui.attention, self.app.has_focus, is_child);
                if call.notification {
                    let told = notification::sequence(self.screen.features(), &title, &message);
                    if let Err(error) = self.screen.send(&told) {
                        tracing::warn!(%error, "a notification was not shown");
                    }
                }
                if call.sound {
                    let attention = settings.tui.attention.clone();
                    let (environment, paths) = (settings.environment.clone(), settings.paths.clone());
                    self.work.push(Box::pin(async move {
                        sound::play(sound.name(), &attention, &environment, &paths.cache).await;
                        Input::Answer(Box::new(|_| {}))
                    }));
                }
            }
            Effect::After(time, then) => self.work.push(Box::pin(async move {
                tokio::time::sleep(time).await;
                answer(then, ())
            })),
            Effect::Suspend => self.suspends = true,
            Effect::AskColors => {
                if let Err(error) = self.screen.ask() {
                    tracing::warn!(%error, "the terminal was not asked");
                }
            }
            Effect::Exit(exit) => self.exit = Some(exit),
        }
    }

    pub(super) fn copy(&mut self, text: String) {
        if let Some(sequence) = sequence::clipboard(&text) {
            let outward = self.screen.features().outward(&sequence);
            if let Err(error) = self.screen.send(&outward) {
                tracing::warn!(%error, "the terminal did not take a text for its clipboard");
            }
        }
        let environment = self.app.settings.environment.clone();
        self.work.push(Box::pin(async move {
            let copying = clipboard::copy(&text, &environment);
            if tokio::time::timeout(CLIPBOARD_LIMIT, copying).await.is_err() {
                tracing::warn!("the clipboard took too long");
            }
            Input::Answer(Box::new(|_| {}))
        }));
    }

    fn browse(&mut self, address: String) {
        let environment = self.app.settings.environment.clone();
        self.work.push(Box::pin(async move {
            let opened = browser::open(&address, environment.iter()).await;
            Input::Answer(Box::new(move |app| {
                if let Err(error) = opened {
                    tracing::warn!(%error, "no browser was opened");
                    let text = app.words.fill("hear.browser", &[("url", &address)]);
                    app.toast(Variant::Warning, text);
                }
            }))
        }));
    }

    /// Does what needs the terminal for itself.
    pub(super) async fn outside(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.suspends) {
            self.keyboard.pause()?;
            self.screen.suspend()?;
            self.keyboard.resume();
            self.come_back()?;
        }
        if let Some((text, then)) = self.edits.take() {
            let edited = self.edit(&text).await?;
            self.input(answer(then, edited));
        }
        Ok(())
    }

    fn come_back(&mut self) -> io::Result<()> {
        let (columns, rows) = self.screen.size()?;
        self.screen.forget();
        self.input(Input::Terminal(Event::Resize(columns, rows)));
        self.is_stale = true;
        self.draw()
    }

    /// Lets the user edit a text in an editor of his; nothing if he has none.
    async fn edit(&mut self, text: &str) -> io::Result<Result<Option<String>, String>> {
        let environment = &self.app.settings.environment;
        let editor = environment
            .get(variable::VISUAL)
            .or_else(|| environment.get(variable::EDITOR));
        let words: Vec<String> = editor
            .unwrap_or_default()
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let Some((program, arguments)) = words.split_first() else {
            return Ok(Ok(None));
        };
        let file = tempfile::Builder::new()
            .prefix(&self.app.clock.to_string())
            .suffix(".md")
            .tempfile()?;
        fs_err::write(file.path(), text)?;
        let folder = self.app.store.path.as_ref().map(|path| path.worktree.clone());
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).arg(file.path());
        if let Some(folder) = folder.filter(|folder| Path::new(folder).is_dir()) {
            command.current_dir(folder);
        }
        self.keyboard.pause()?;
        self.screen.leave()?;
        let ended = command.status().await;
        self.screen.enter()?;
        self.keyboard.resume();
        self.come_back()?;
        let result = match ended {
            Err(error) => Err(format!("{program}: {error}")),
            Ok(_) => fs_err::read_to_string(file.path())
                .map(Some)
                .map_err(|error| error.to_string()),
        };
        Ok(result.map(|text| text.map(|text| text.trim_end_matches('\n').to_owned())))
    }
}

fn answer<T: 'static>(then: Then<T>, value: T) -> Input {
    Input::Answer(Box::new(move |app| then(app, value)))
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: io::Error| error.to_string();
    let facts = fs_err::tokio::metadata(path).await.map_err(told)?;
    if !facts.is_file() || facts.len() > FILE_LIMIT {
        return Err(format!(
            "{} is no file of at most {FILE_LIMIT} bytes",
            path.display()
        ));
    }
    fs_err::tokio::read(path).await.map_err(told)
}
