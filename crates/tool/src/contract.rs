//! What a tool is, what it is given and what it gives back (reference `tools.md` §2).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use opencode_lsp::Languages;
use opencode_mcp::{Sampled, Sampling};
use opencode_process::Sandbox;
use opencode_project::place::Place;
use opencode_schema::event::EventBody;
use opencode_schema::question::{Answer, Question};
use opencode_schema::session::Todo;
use opencode_schema::skill::Skill;
use opencode_schema::{MessageId, Object, SessionId};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::formatter::Formatters;
use crate::jobs::Jobs;
use crate::truncation::Truncation;
use crate::write::blocking;

/// A tool that a model can call.
pub trait Tool: Send + Sync {
    /// The name that the model calls; also the tool's permission, unless [`Tool::permission`] says otherwise.
    fn name(&self) -> &str;

    /// What the model is told about it in this place, for this agent.
    fn definition(&self, scope: &Scope) -> Definition;

    /// The permission whose rules show or hide the tool.
    fn permission(&self) -> &str {
        self.name()
    }

    /// Whether a call that has no result, because its program was ended, may be run again by itself: it changes
    /// nothing, and costs nothing.
    fn is_idempotent(&self) -> bool {
        false
    }

    /// Runs one call. The future is dropped only after it ended: a call that should stop sees
    /// [`Call::cancel`], leaves nothing half written and returns what it has.
    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>>;
}

/// What a model is told about a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of its arguments: an object, as [`schema_of`] makes it.
    pub parameters: Value,
}

impl Definition {
    /// With the arguments that the tool reads.
    #[must_use]
    pub fn of<Arguments: JsonSchema>(description: &str) -> Self {
        Self {
            description: description.trim_end().to_owned(),
            parameters: schema_of::<Arguments>(),
        }
    }
}

/// The place that tools work in: a folder and what belongs to it.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The folder of the session, absolute. Relative paths are resolved against it.
    pub directory: PathBuf,
    /// The worktree of the project, absolute; `/` when there is none.
    pub worktree: PathBuf,
    /// The shell that commands are given to.
    pub shell: PathBuf,
    /// Limits of results and where whole results are kept.
    pub truncation: Truncation,
    /// Skills that can be loaded.
    pub skills: Arc<[Skill]>,
    /// Agents that tasks can be given to, sorted by name.
    pub subagents: Arc<[Subagent]>,
    /// Names of rules files, by preference.
    pub rules: &'static [&'static str],
    /// Where removed files go.
    pub trash: PathBuf,
    /// A folder outside the project that may be used without asking.
    pub temporary: PathBuf,
    /// What commands may do, if not everything.
    pub sandbox: Option<Sandbox>,
    /// Where commands go on in the background, if they may.
    pub jobs: Option<Arc<Jobs>>,
    /// What formats files that are written.
    pub formatters: Arc<Formatters>,
    /// Who knows the languages of the files.
    pub languages: Arc<Languages>,
    /// Version of the program, for `User-Agent`.
    pub version: &'static str,
}

impl Scope {
    /// `path` made absolute against the folder of the session, `.` and `..` resolved by text.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        opencode_project::path::absolute(&self.directory, path)
    }

    /// `path` as permissions, titles and lists name it: relative to the worktree.
    #[must_use]
    pub fn relative(&self, path: &Path) -> String {
        opencode_project::path::relative(&self.worktree, path)
    }
}

/// An agent that a task can be given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subagent {
    /// Its name.
    pub name: String,
    /// When to use it.
    pub description: Option<String>,
}

/// One call of a tool.
#[derive(Clone)]
pub struct Call {
    /// The session.
    pub session_id: SessionId,
    /// The assistant message.
    pub message_id: MessageId,
    /// The provider's id of the call.
    pub call_id: String,
    /// The agent that calls.
    pub agent: String,
    /// The model that calls, as its provider knows it; nothing when a person does.
    pub model: Option<String>,
    /// Where it works.
    pub scope: Arc<Scope>,
    /// The engine.
    pub host: Arc<dyn Host>,
    /// Stops the call.
    pub cancel: CancellationToken,
}

/// What the engine does for a running tool.
pub trait Host: Send + Sync {
    /// Asks for permission and waits for the answer.
    fn ask<'a>(&'a self, call: &'a Call, ask: Ask) -> BoxFuture<'a, Result<(), Failure>>;

    /// Shows how far the call is. Cheap; the engine may leave out intermediate states.
    fn progress(&self, call: &Call, title: Option<String>, metadata: Object);

    /// Sends an event to whoever listens.
    fn announce(&self, event: EventBody);

    /// Where the session's plan is kept.
    ///
    /// # Errors
    /// There is no session that could have one.
    fn plan_file(&self, call: &Call) -> Result<PathBuf, Failure>;

    /// Lets the turn go on with another agent, which is told `words` as if the user had said them.
    fn hand_over<'a>(
        &'a self,
        call: &'a Call,
        agent: &'a str,
        words: String,
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Replaces the session's list of things to do.
    fn replace_todos<'a>(&'a self, call: &'a Call, todos: Vec<Todo>) -> BoxFuture<'a, Result<(), Failure>>;

    /// The session's list of things to do.
    fn todos<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<Todo>, Failure>>;

    /// Pieces of code of the session's folder that fit a question, the best first.
    fn search_code<'a>(
        &'a self,
        call: &'a Call,
        question: opencode_index::Question,
    ) -> BoxFuture<'a, Result<Vec<opencode_index::Hit>, Failure>>;

    /// Runs another tool that the model is told of, within this call.
    fn call_tool<'a>(
        &'a self,
        call: &'a Call,
        tool: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Output, Failure>>;

    /// Asks the user and waits for one answer to each question.
    fn question<'a>(
        &'a self,
        call: &'a Call,
        questions: Vec<Question>,
    ) -> BoxFuture<'a, Result<Vec<Answer>, Failure>>;

    /// Lets the session's model answer what an MCP server asks it, if that is allowed. A future that is dropped stops
    /// it. Without a model that works nobody is asked.
    fn sample<'a>(&'a self, _: &'a Call, _: Sampling) -> BoxFuture<'a, Result<Sampled, Failure>> {
        Box::pin(std::future::ready(Err(Failure::told(
            "The model is asked only while it works",
        ))))
    }

    /// Gives a task to another agent, and waits for its answer unless it goes on in the background.
    fn delegate<'a>(&'a self, call: &'a Call, task: Task) -> BoxFuture<'a, Result<Delegated, Failure>>;

    /// Does something that goes on after the call and after the turn. Its end is told to the session, which goes
    /// to work because of it. That it runs is written down before it begins.
    ///
    /// # Errors
    /// [`Failure::Told`] where nothing can go on; those of its start.
    fn background<'a>(&'a self, call: &'a Call, work: Background) -> BoxFuture<'a, Result<(), Failure>>;

    /// What the session has in the background or had there, also what another run of the program began, in the
    /// order of its start.
    fn jobs<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<JobInfo>, Failure>>;

    /// Stops a task that the session has in the background. False when it does not run.
    fn stop_task<'a>(&'a self, call: &'a Call, id: &'a str) -> BoxFuture<'a, Result<bool, Failure>>;

    /// The conversation of the session, for tools that want to know it: messages with parts.
    fn conversation<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Value> {
        Box::pin(std::future::ready(Value::Array(Vec::new())))
    }

    /// Variables that a command in `directory` sees beside those of the program.
    ///
    /// # Errors
    /// Who knows them failed.
    fn variables<'a>(
        &'a self,
        _: &'a Call,
        _directory: &'a Path,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, Failure>> {
        Box::pin(std::future::ready(Ok(BTreeMap::new())))
    }

    /// Those of `candidates` (absolute paths of rules files) that the model has not seen yet, in the same
    /// order: neither in the system prompt nor by an earlier read. They count as seen from then on.
    fn claim_instructions<'a>(
        &'a self,
        call: &'a Call,
        candidates: Vec<PathBuf>,
    ) -> BoxFuture<'a, Vec<PathBuf>>;
}

/// A question for permission.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// Which permission.
    pub permission: String,
    /// All objects that need it.
    pub patterns: Vec<String>,
    /// What «always» will allow.
    pub always: Vec<String>,
    /// What a person wants to know before answering.
    pub metadata: Object,
}

/// A task for another agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// In few words.
    pub description: String,
    /// What to do.
    pub prompt: String,
    /// Who does it.
    pub subagent: String,
    /// The session to go on with, instead of a new one.
    pub resume: Option<String>,
    /// The command that it came from.
    pub command: Option<String>,
    /// Nobody waits for it.
    pub background: bool,
}

/// What came of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegated {
    /// The session that worked on it.
    pub session_id: SessionId,
    /// How far it is.
    pub progress: Progress,
    /// Facts for the result's metadata.
    pub metadata: Object,
}

/// Work that goes on in the background.
pub struct Background {
    /// Its name, `job_…`.
    pub id: String,
    /// What it is, for people: the command line.
    pub title: String,
    /// Begins it.
    pub start: Box<Start>,
}

/// Begins work that goes on.
pub type Start = dyn FnOnce() -> Result<BoxFuture<'static, JobEnd>, Failure> + Send;

/// How work in the background ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// Whether it went well.
    pub outcome: JobOutcome,
    /// What the session is told.
    pub text: String,
    /// Somebody knows already, or does not want to.
    pub is_known: bool,
}

impl JobEnd {
    /// What the session has to be told, if anything.
    #[must_use]
    pub fn notice(self) -> Option<String> {
        (!self.is_known).then_some(self.text)
    }
}

/// Whether work in the background went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// It came to its end.
    Completed,
    /// It failed, or took too long.
    Failed,
    /// It was stopped.
    Stopped,
}

/// Work in the background as its session knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInfo {
    /// Its name.
    pub id: String,
    /// How far it is, in a word.
    pub status: String,
    /// The command line, or the task in few words.
    pub title: String,
    /// The session that works on it, if it is a task.
    pub task: Option<SessionId>,
    /// What came of it.
    pub result: Option<String>,
}

/// How far a task is that was given away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is done; the last words.
    Done(String),
    /// It goes on in the background.
    Begun,
    /// It ran already and was told more.
    Extended,
}

/// A result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// What a person is told, in few words.
    pub title: String,
    /// What the model is told. Cut to the limits of [`Scope::truncation`] by the engine, unless
    /// `metadata` has a `truncated` field, which says that the tool took care of it.
    pub output: String,
    /// Further facts.
    pub metadata: Object,
    /// Pictures and documents that belong to the result.
    pub attachments: Vec<Attachment>,
    /// Further texts, each told after `output` as one of its own. Only tools of durable sessions have them.
    pub remarks: Vec<String>,
    /// Files that hold the whole of what was cut. Only tools of durable sessions name them here.
    pub output_paths: Vec<String>,
}

impl Output {
    /// Everything that is told in words, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let texts = std::iter::once(&self.output).chain(&self.remarks);
        texts.map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// A picture or document of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Media type.
    pub mime: String,
    /// `data:` address.
    pub url: String,
    /// Name to show.
    pub filename: Option<String>,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The model is told this text and goes on.
    #[error("{0}")]
    Told(String),
    /// The user said no: the model is told this text and the turn ends.
    #[error("{0}")]
    Rejected(String),
    /// The turn was stopped while the call ran.
    #[error("Tool execution aborted")]
    Aborted,
}

impl Failure {
    /// A failure that the model is told about.
    #[must_use]
    pub fn told(message: impl Into<String>) -> Self {
        Self::Told(message.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Told(error.to_string())
    }
}

impl Call {
    /// Asks for permission and waits for the answer.
    ///
    /// # Errors
    /// [`Failure::Told`] when a rule forbids it or the user said no and why, [`Failure::Rejected`] when
    /// the user just said no, [`Failure::Aborted`] when the turn was stopped meanwhile.
    pub async fn ask(&self, ask: Ask) -> Result<(), Failure> {
        self.host.ask(self, ask).await
    }

    /// Asks for `external_directory` if `path` lies outside the session's folder and worktree (reference `tools.md`
    /// §2, «External directory check»), and then for what it really leads to, if that is neither in the project
    /// nor in the folder that was asked for. What is allowed is the place that is given back; it stays what it is
    /// whatever becomes of the path.
    ///
    /// # Errors
    /// Those of [`Call::ask`]; [`Failure::Told`] when links lead nowhere.
    pub async fn reach(&self, path: &Path, kind: PathKind) -> Result<Place, Failure> {
        self.reach_beside(path, kind, &mut Vec::new()).await
    }

    /// As [`Call::reach`], for one of several paths: what lies in a folder of `asked` needs no further question.
    pub(crate) async fn reach_beside(
        &self,
        path: &Path,
        kind: PathKind,
        asked: &mut Vec<PathBuf>,
    ) -> Result<Place, Failure> {
        let (place, allowed) = self.find(path, kind, asked).await?;
        // Who takes the name away changes its folder, though what it leads to may lie elsewhere.
        if place.name() != place.target() {
            self.ask_unless(&allowed, place.name(), PathKind::File).await?;
        }
        self.ask_unless(&allowed, place.target(), kind).await?;
        Ok(place)
    }

    /// As [`Call::reach`], for who moves the name and nothing else: what it leads to, if it is a link, stays and
    /// is not asked for.
    ///
    /// # Errors
    /// Those of [`Call::reach`].
    pub async fn reach_name(&self, path: &Path) -> Result<Place, Failure> {
        let (place, allowed) = self.find(path, PathKind::File, &mut Vec::new()).await?;
        self.ask_unless(&allowed, place.name(), PathKind::File).await?;
        Ok(place)
    }

    /// Asks for a path as it is written. Gives where it leads, and the folders that need no further question.
    async fn find(
        &self,
        path: &Path,
        kind: PathKind,
        asked: &mut Vec<PathBuf>,
    ) -> Result<(Place, Vec<PathBuf>), Failure> {
        let folder = kind.folder(path);
        if !self.is_internal(path) && !asked.iter().any(|asked| folder.starts_with(asked)) {
            self.ask_for_folder(path, folder).await?;
            asked.push(folder.to_owned());
        }
        let (path, scope, asked) = (path.to_owned(), Arc::clone(&self.scope), asked.clone());
        let found = blocking(move || {
            let worktree = Some(&scope.worktree).filter(|worktree| *worktree != Path::new("/"));
            let allowed = std::iter::once(&scope.directory).chain(worktree).chain(&asked);
            let allowed = allowed.filter_map(|folder| Some(Place::of(folder).ok()?.target().to_owned()));
            Ok((Place::of(&path)?, allowed.collect()))
        });
        found.await?
    }

    async fn ask_unless(&self, allowed: &[PathBuf], path: &Path, kind: PathKind) -> Result<(), Failure> {
        if allowed.iter().any(|folder| path.starts_with(folder)) {
            return Ok(());
        }
        self.ask_for_folder(path, kind.folder(path)).await
    }

    /// Asks for everything in `folder`, because of `path`.
    async fn ask_for_folder(&self, path: &Path, parent: &Path) -> Result<(), Failure> {
        let pattern = external_pattern(parent);
        let mut metadata = Object::new();
        metadata.insert("filepath".into(), path.to_string_lossy().into());
        metadata.insert("parentDir".into(), parent.to_string_lossy().into());
        self.ask(Ask {
            permission: "external_directory".into(),
            patterns: vec![pattern.clone()],
            always: vec![pattern],
            metadata,
        })
        .await
    }

    /// Whether `path` needs no `external_directory` permission.
    #[must_use]
    pub fn is_internal(&self, path: &Path) -> bool {
        path.starts_with(&self.scope.directory)
            || (self.scope.worktree != Path::new("/") && path.starts_with(&self.scope.worktree))
    }
}

/// What stands for everything in a folder in `external_directory` rules.
#[must_use]
pub fn external_pattern(directory: &Path) -> String {
    directory.join("*").to_string_lossy().into_owned()
}

/// What a path is, for [`Call::reach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A file: its parent is asked for.
    File,
    /// A folder: itself is asked for.
    Directory,
}

impl PathKind {
    /// The folder that is asked for.
    fn folder(self, path: &Path) -> &Path {
        match self {
            Self::Directory => path,
            Self::File => path.parent().unwrap_or(path),
        }
    }
}

/// Reads the arguments of a call.
///
/// # Errors
/// A text that tells the model which key does not fit and asks it to write the call again.
pub fn arguments<T: DeserializeOwned>(tool: &str, input: Value) -> Result<T, Failure> {
    serde_path_to_error::deserialize(input).map_err(|error| {
        let at = error.path().to_string();
        let at = if at == "." { String::new() } else { format!(" at `{at}`") };
        Failure::Told(format!(
            "The {tool} tool was called with invalid arguments: {}{at}.\nWrite the call again with arguments that fit the schema.",
            error.into_inner()
        ))
    })
}

/// The JSON Schema of a tool's arguments in the form that models are sent: draft 2020-12, an object,
/// optional keys left out of `required` instead of nullable (reference `tools.md` §1).
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    schema_in::<T>(true)
}

/// As [`schema_of`], with types inside either written out or under `$defs`.
pub(crate) fn schema_in<T: JsonSchema>(inline: bool) -> Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = inline;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.shift_remove("title");
        root.shift_remove("description");
    }
    schema
}

/// Takes out what schemars adds beyond the wanted form: nullability of optional keys and number formats.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // As a keyword it is a text; an object is the schema of an argument of that name.
            if object.get("format").is_some_and(Value::is_string) {
                object.shift_remove("format");
            }
            if let Some(Value::Array(kinds)) = object.get("type") {
                let kinds: Vec<Value> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
                if let [only] = &kinds[..] {
                    object.insert("type".into(), only.clone());
                }
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
