//! Questions to the user. A person picks and types; without a terminal the answers are lines of standard
//! input.

mod picker;

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::{cursor, queue, terminal};
use picker::{Picker, Turn};

use crate::failure::Failure;
use crate::output::{Output, Style};

/// Bytes of an answer.
const ANSWER_LIMIT: u64 = 64 * 1024;

/// Something that can be picked.
pub(crate) struct Entry {
    /// How it is shown.
    pub(crate) label: String,
    /// What else it may be called.
    pub(crate) id: String,
    /// What is said of it.
    pub(crate) hint: String,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    output: Output,
    terminal: bool,
}

impl Ask {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            terminal: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// Which of several; its place among them.
    pub(crate) async fn pick(self, question: &str, entries: Vec<Entry>) -> Result<usize, Failure> {
        let question = question.to_owned();
        apart(move || self.pick_here(&question, &entries)).await
    }

    fn pick_here(self, question: &str, entries: &[Entry]) -> Result<usize, Failure> {
        if self.terminal {
            return self.pick_by_keys(question, entries);
        }
        self.output.say(format_args!("◆  {question}"));
        let answer = line()?.ok_or_else(|| unanswered(question))?;
        let answer = answer.trim();
        let same = |text: &str| text.eq_ignore_ascii_case(answer);
        let found = entries.iter().position(|entry| same(&entry.id));
        let found = found.or_else(|| entries.iter().position(|entry| same(&entry.label)));
        found.ok_or_else(|| Failure::told(format!("«{answer}» is none of the answers to: {question}")))
    }

    fn pick_by_keys(self, question: &str, entries: &[Entry]) -> Result<usize, Failure> {
        let mut picker = Picker::new(entries);
        let _raw = Raw::begin()?;
        let mut drawn = 0;
        loop {
            let rows = picker.rows(question);
            draw(self.output, &rows, drawn).map_err(broken)?;
            drawn = rows.len();
            let turn = match key()? {
                Some(key) => picker.press(key),
                None => Turn::On,
            };
            match turn {
                Turn::On => {}
                Turn::Stopped => {
                    draw(self.output, &[], drawn).map_err(broken)?;
                    return Err(Failure::Interrupted);
                }
                Turn::Done(at) => {
                    let label = entries.get(at).map_or("", |entry| entry.label.as_str());
                    let chosen = [
                        (Style::Plain, format!("◇  {question}")),
                        (Style::Dim, format!("│  {label}")),
                    ];
                    draw(self.output, &chosen, drawn).map_err(broken)?;
                    return Ok(at);
                }
            }
        }
    }

    /// Some words. `fault` says what is wrong with an answer; a person is asked again.
    pub(crate) async fn text(
        self,
        question: &str,
        example: Option<&str>,
        fault: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> Result<String, Failure> {
        let question = question.to_owned();
        let example = example.map(|example| format!(" ({example})")).unwrap_or_default();
        apart(move || {
            loop {
                self.output.say(format_args!(
                    "◆  {question}{}",
                    self.output.styled(Style::Dim, &example)
                ));
                if self.terminal {
                    self.output.ask("│  ");
                }
                let answer = line()?.ok_or_else(|| unanswered(&question))?.trim().to_owned();
                match fault(&answer) {
                    None => return Ok(answer),
                    Some(fault) if self.terminal => self.output.warning(fault),
                    Some(fault) => return Err(Failure::told(format!("{question}: {fault}"))),
                }
            }
        })
        .await
    }

    /// Words that are not shown while they are typed.
    pub(crate) async fn secret(self, question: &str) -> Result<String, Failure> {
        let question = question.to_owned();
        apart(move || {
            loop {
                self.output.say(format_args!("◆  {question}"));
                let answer = if self.terminal {
                    self.output.ask("│  ");
                    let typed = hidden()?;
                    self.output
                        .say(format_args!("{}", "▪".repeat(typed.chars().count().min(24))));
                    typed
                } else {
                    line()?.ok_or_else(|| unanswered(&question))?
                };
                let answer = answer.trim().to_owned();
                match (answer.is_empty(), self.terminal) {
                    (false, _) => return Ok(answer),
                    (true, true) => self.output.warning("Required"),
                    (true, false) => return Err(unanswered(&question)),
                }
            }
        })
        .await
    }
}

/// Waits for a person on a thread of its own.
async fn apart<T: Send + 'static>(
    asking: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let asked = tokio::task::spawn_blocking(asking).await;
    asked.map_err(|error| Failure::from(anyhow::Error::from(error)))?
}

fn unanswered(question: &str) -> Failure {
    Failure::told(format!("There is no answer to: {question}"))
}

fn broken(error: io::Error) -> Failure {
    Failure::from(anyhow::Error::from(error).context("the terminal does not answer"))
}

/// A line of standard input; `None` at its end.
fn line() -> Result<Option<String>, Failure> {
    let mut bytes = Vec::new();
    let mut input = io::stdin().lock().take(ANSWER_LIMIT);
    let count = input.read_until(b'\n', &mut bytes).map_err(broken)?;
    Ok((count > 0).then(|| {
        String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\n', '\r'])
            .to_owned()
    }))
}

/// Keys come one by one while it lives.
struct Raw;

impl Raw {
    fn begin() -> Result<Self, Failure> {
        terminal::enable_raw_mode().map_err(broken)?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing.
        let _ = terminal::disable_raw_mode();
    }
}

/// The next key that was pressed; `None` for anything else that happens.
fn key() -> Result<Option<KeyEvent>, Failure> {
    match event::read().map_err(broken)? {
        Event::Key(key) if key.kind != KeyEventKind::Release => Ok(Some(key)),
        _ => Ok(None),
    }
}

fn is_stop(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.code == KeyCode::Esc || (control && matches!(key.code, KeyCode::Char('c' | 'd')))
}

fn hidden() -> Result<String, Failure> {
    let _raw = Raw::begin()?;
    let mut typed = String::new();
    loop {
        let Some(key) = key()? else { continue };
        match key.code {
            _ if is_stop(key) => return Err(Failure::Interrupted),
            KeyCode::Enter => return Ok(typed),
            KeyCode::Backspace => drop(typed.pop()),
            KeyCode::Char(letter) if !key.modifiers.contains(KeyModifiers::CONTROL) => typed.push(letter),
            _ => {}
        }
    }
}

/// Draws rows in the place of those that were drawn before.
fn draw(output: Output, rows: &[(Style, String)], before: usize) -> io::Result<()> {
    let mut out = io::stderr().lock();
    if before > 0 {
        let up = u16::try_from(before).unwrap_or(u16::MAX);
        queue!(out, cursor::MoveUp(up))?;
    }
    queue!(
        out,
        cursor::MoveToColumn(0),
        terminal::Clear(terminal::ClearType::FromCursorDown)
    )?;
    for (style, row) in rows {
        write!(out, "{}\r\n", output.styled(*style, row))?;
    }
    out.flush()
}
