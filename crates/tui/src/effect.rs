//! What the state wants done: everything that is not the state's own change. [`runtime`](crate::runtime) does
//! it and brings the answer back as the next input.

use std::path::PathBuf;
use std::time::Duration;

use opencode_client::{Error, Reply, Request};

use crate::app::App;

/// What becomes of an answer.
pub(crate) type Then<T> = Box<dyn FnOnce(&mut App, T)>;

/// Something that is to be done.
pub(crate) enum Effect {
    /// Asks the server.
    Ask(Request, Then<Result<Reply, Error>>),
    /// Works in another folder from now on: its events are listened to, and requests go there.
    Enter(String),
    /// Listens to an editor that has this folder open.
    Bridge(String),
    /// Keeps a file of state as it is now, whole and at once; a failure is told.
    Keep(PathBuf, String),
    /// Adds a line to a file of state.
    Append(PathBuf, String),
    /// Writes a file that the user asked for.
    Write(PathBuf, String, Then<Result<(), String>>),
    /// Reads a file of the user's machine, of a bounded size.
    Read(PathBuf, Then<Result<Vec<u8>, String>>),
    /// Puts a text on the clipboard, or says why it could not.
    Copy(String),
    /// Reads the clipboard.
    Paste(Then<Clipping>),
    /// Lets the user edit a text in the editor of `$VISUAL` or `$EDITOR`; nothing if there is none.
    Edit(String, Then<Result<Option<String>, String>>),
    /// Opens an address in the browser.
    Browse(String),
    /// Names the terminal.
    Title(String),
    /// Tells the user, if he looks elsewhere.
    Notify {
        /// In a few words.
        title: String,
        /// What happened.
        message: String,
        /// The sound of what happened.
        sound: Sound,
        /// Whether it is heard only, because it happened to a subagent.
        is_child: bool,
    },
    /// Calls back after a time.
    After(Duration, Then<()>),
    /// Goes to the background of the shell until the user comes back.
    Suspend,
    /// Asks the terminal again for its colours.
    AskColors,
    /// Ends the program.
    Exit(Exit),
}

/// What was on the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clipping {
    /// Nothing that can be used.
    Nothing,
    /// A text.
    Text(String),
    /// A picture.
    Image {
        /// Its media type.
        mime: String,
        /// Its bytes.
        data: Vec<u8>,
    },
}

/// What a sound is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sound {
    /// The model asks.
    Question,
    /// A permission is needed.
    Permission,
    /// A turn failed.
    Error,
    /// A turn is done.
    Done,
    /// A subagent is done.
    SubagentDone,
}

impl Sound {
    /// Its name in configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Permission => "permission",
            Self::Error => "error",
            Self::Done => "done",
            Self::SubagentDone => "subagent_done",
        }
    }
}

/// How the program ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exit {
    /// The session that the user was in: its title and id.
    pub session: Option<(String, String)>,
    /// Why it ends, if that is a failure.
    pub reason: Option<String>,
}

impl std::fmt::Debug for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ask(request, _) => {
                write!(f, "{} /{}", request.method, request.path.join("/"))?;
                for (name, value) in &request.query {
                    write!(f, " {name}={value}")?;
                }
                match &request.body {
                    Some(body) => write!(f, " {body}"),
                    None => Ok(()),
                }
            }
            Self::Enter(directory) => write!(f, "Enter {directory}"),
            Self::Bridge(folder) => write!(f, "Bridge {folder}"),
            Self::Keep(path, _) => write!(f, "Keep {}", path.display()),
            Self::Append(path, _) => write!(f, "Append {}", path.display()),
            Self::Write(path, ..) => write!(f, "Write {}", path.display()),
            Self::Read(path, _) => write!(f, "Read {}", path.display()),
            Self::Copy(text) => write!(f, "Copy {text:?}"),
            Self::Paste(_) => write!(f, "Paste"),
            Self::Edit(text, _) => write!(f, "Edit {text:?}"),
            Self::Browse(address) => write!(f, "Browse {address}"),
            Self::Title(title) => write!(f, "Title {title:?}"),
            Self::Notify {
                title,
                message,
                sound,
                ..
            } => write!(f, "Notify {sound:?} {title:?} {message:?}"),
            Self::After(time, _) => write!(f, "After {time:?}"),
            Self::Suspend => write!(f, "Suspend"),
            Self::AskColors => write!(f, "AskColors"),
            Self::Exit(exit) => write!(f, "Exit {exit:?}"),
        }
    }
}
