//! What tests of tools stand on: a host that only records, and a place in a temporary folder.
//!
//! Meets nothing but the contract. Not part of the product.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_config::instruction;
use opencode_lsp::Languages;
use opencode_schema::event::EventBody;
use opencode_schema::question::{Answer, Question};
use opencode_schema::session::Todo;
use opencode_schema::skill::Skill;
use opencode_schema::{MessageId, Object, SessionId};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::contract::{
    Ask, Background, Call, Delegated, Failure, Host, JobInfo, Output, Scope, Subagent, Task, Tool,
};
use crate::formatter::Formatters;
use crate::registry::{Registry, Settings};
use crate::truncation::Truncation;

type AnswerAsk = dyn Fn(&Ask) -> Result<(), Failure> + Send + Sync;
type AnswerTask = dyn Fn(&Task) -> Result<Delegated, Failure> + Send + Sync;

/// What a tool did with its host, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recorded {
    /// Questions for permission.
    pub(crate) asks: Vec<Ask>,
    /// Titles and metadata while running.
    pub(crate) progress: Vec<(Option<String>, Object)>,
    /// Events.
    pub(crate) announced: Vec<EventBody>,
    /// Lists of things to do.
    pub(crate) todos: Vec<Vec<Todo>>,
    /// Tasks given away.
    pub(crate) tasks: Vec<Task>,
    /// Questions to the user.
    pub(crate) questions: Vec<Question>,
    /// Agents that the session was handed over to, and what they were told.
    pub(crate) handed_over: Vec<(String, String)>,
    /// Rules files that were claimed.
    pub(crate) claimed: Vec<PathBuf>,
}

/// A host that records, says yes to everything unless told otherwise, and never waits.
pub(crate) struct FakeHost {
    recorded: Mutex<Recorded>,
    /// What the session was told by work in the background.
    told: Arc<Mutex<Vec<String>>>,
    answer_ask: Box<AnswerAsk>,
    answer_task: Box<AnswerTask>,
    answers: Vec<Answer>,
    jobs: Vec<JobInfo>,
    plan: PathBuf,
}

impl FakeHost {
    fn record(&self, change: impl FnOnce(&mut Recorded)) {
        change(&mut self.recorded.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything recorded so far.
    pub(crate) fn recorded(&self) -> Recorded {
        self.recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Host for FakeHost {
    fn ask<'a>(&'a self, _call: &'a Call, ask: Ask) -> BoxFuture<'a, Result<(), Failure>> {
        let answer = (self.answer_ask)(&ask);
        self.record(|recorded| recorded.asks.push(ask));
        std::future::ready(answer).boxed()
    }

    fn progress(&self, _call: &Call, title: Option<String>, metadata: Object) {
        self.record(|recorded| recorded.progress.push((title, metadata)));
    }

    fn announce(&self, event: EventBody) {
        self.record(|recorded| recorded.announced.push(event));
    }

    fn replace_todos<'a>(&'a self, _call: &'a Call, todos: Vec<Todo>) -> BoxFuture<'a, Result<(), Failure>> {
        self.record(|recorded| recorded.todos.push(todos));
        std::future::ready(Ok(())).boxed()
    }

    fn question<'a>(
        &'a self,
        _call: &'a Call,
        questions: Vec<Question>,
    ) -> BoxFuture<'a, Result<Vec<Answer>, Failure>> {
        self.record(|recorded| recorded.questions.extend(questions));
        std::future::ready(Ok(self.answers.clone())).boxed()
    }

    fn todos<'a>(&'a self, _call: &'a Call) -> BoxFuture<'a, Result<Vec<Todo>, Failure>> {
        let todos = self.recorded().todos.pop().unwrap_or_default();
        std::future::ready(Ok(todos)).boxed()
    }

    fn search_code<'a>(
        &'a self,
        call: &'a Call,
        question: opencode_index::Question,
    ) -> BoxFuture<'a, Result<Vec<opencode_index::Hit>, Failure>> {
        let path = call.scope.temporary.join("index.sqlite");
        let search = || {
            let index = opencode_index::Index::open(&path, &call.scope.directory)?;
            index.fill(&opencode_index::Fill::default(), &call.cancel, |_| {})?;
            index.search(&question, None)
        };
        let found: Result<_, opencode_index::Error> = search();
        std::future::ready(found.map_err(|error| Failure::told(error.to_string()))).boxed()
    }

    fn call_tool<'a>(
        &'a self,
        call: &'a Call,
        tool: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let registry = Registry::built_in(Settings {
                named: vec!["todoread".to_owned()],
                ..Settings::default()
            });
            match registry.get(tool) {
                Some(tool) => tool.run(call, input).await,
                None => Err(Failure::told("there is no such tool")),
            }
        }
        .boxed()
    }

    fn plan_file(&self, _call: &Call) -> Result<PathBuf, Failure> {
        Ok(self.plan.clone())
    }

    fn hand_over<'a>(
        &'a self,
        _call: &'a Call,
        agent: &'a str,
        words: String,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.record(|recorded| recorded.handed_over.push((agent.to_owned(), words)));
        std::future::ready(Ok(())).boxed()
    }

    fn delegate<'a>(&'a self, _call: &'a Call, task: Task) -> BoxFuture<'a, Result<Delegated, Failure>> {
        let answer = (self.answer_task)(&task);
        self.record(|recorded| recorded.tasks.push(task));
        std::future::ready(answer).boxed()
    }

    fn background<'a>(&'a self, _call: &'a Call, work: Background) -> BoxFuture<'a, Result<(), Failure>> {
        let told = Arc::clone(&self.told);
        let begun = (work.start)().map(|work| {
            tokio::spawn(async move {
                if let Some(text) = work.await.notice() {
                    told.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                }
            });
        });
        std::future::ready(begun).boxed()
    }

    fn jobs<'a>(&'a self, _call: &'a Call) -> BoxFuture<'a, Result<Vec<JobInfo>, Failure>> {
        std::future::ready(Ok(self.jobs.clone())).boxed()
    }

    fn stop_task<'a>(&'a self, _call: &'a Call, id: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        let runs = |job: &JobInfo| job.id == id && job.status == "running";
        std::future::ready(Ok(self.jobs.iter().any(runs))).boxed()
    }

    fn claim_instructions<'a>(
        &'a self,
        _call: &'a Call,
        candidates: Vec<PathBuf>,
    ) -> BoxFuture<'a, Vec<PathBuf>> {
        let mut fresh = Vec::new();
        self.record(|recorded| {
            for path in candidates {
                if !recorded.claimed.contains(&path) {
                    recorded.claimed.push(path.clone());
                    fresh.push(path);
                }
            }
        });
        std::future::ready(fresh).boxed()
    }
}

/// A place to run tools in: a temporary folder with `project` (directory and worktree) and `data`
/// inside, and a [`FakeHost`]. Gone when dropped.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    /// Where the tools work; change it before the first call.
    pub(crate) scope: Scope,
    /// The agent that calls.
    pub(crate) agent: String,
    /// Stops the calls made from here.
    pub(crate) cancel: CancellationToken,
    host: Arc<FakeHost>,
}

impl Bench {
    /// A fresh place whose host allows everything.
    pub(crate) fn new() -> Self {
        Self::answering(Vec::new())
    }

    /// A fresh place whose host allows everything, and whose user answers questions with `answers`.
    pub(crate) fn answering(answers: Vec<Answer>) -> Self {
        Self::with_answers(
            |_| Ok(()),
            |_| Err(Failure::told("nobody takes tasks here")),
            answers,
        )
    }

    /// A fresh place whose host answers questions for permission with `answer`.
    pub(crate) fn asking(answer: impl Fn(&Ask) -> Result<(), Failure> + Send + Sync + 'static) -> Self {
        Self::with_answers(
            answer,
            |_| Err(Failure::told("nobody takes tasks here")),
            Vec::new(),
        )
    }

    /// A fresh place whose host answers tasks with `answer`.
    pub(crate) fn delegating(
        answer: impl Fn(&Task) -> Result<Delegated, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::with_answers(|_| Ok(()), answer, Vec::new())
    }

    fn with_answers(
        ask: impl Fn(&Ask) -> Result<(), Failure> + Send + Sync + 'static,
        task: impl Fn(&Task) -> Result<Delegated, Failure> + Send + Sync + 'static,
        answers: Vec<Answer>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Without links, so that paths printed by programs equal those that tests build.
        let root = fs_err::canonicalize(folder.path()).expect("the folder exists");
        fs_err::create_dir_all(root.join("project")).expect("a fresh folder is writable");
        Self {
            scope: Scope {
                directory: root.join("project"),
                worktree: root.join("project"),
                shell: PathBuf::from("/bin/sh"),
                truncation: Truncation {
                    max_lines: Truncation::DEFAULT_LINES,
                    max_bytes: Truncation::DEFAULT_BYTES,
                    directory: root.join("data/tool-output"),
                },
                skills: Arc::from(Vec::<Skill>::new()),
                subagents: Arc::from(Vec::<Subagent>::new()),
                rules: instruction::NAMES,
                trash: root.join("data/trash"),
                temporary: root.join("temporary"),
                sandbox: None,
                jobs: None,
                formatters: Arc::new(Formatters::none()),
                languages: Arc::new(Languages::none()),
                version: "0.0.0-test",
            },
            folder,
            agent: "build".into(),
            cancel: CancellationToken::new(),
            host: Arc::new(FakeHost {
                recorded: Mutex::default(),
                told: Arc::default(),
                answer_ask: Box::new(ask),
                answer_task: Box::new(task),
                answers,
                jobs: Vec::new(),
                plan: root.join("project/plan.md"),
            }),
        }
    }

    /// Its session has these in the background, or had them there.
    pub(crate) fn with_jobs(mut self, jobs: Vec<JobInfo>) -> Self {
        Arc::get_mut(&mut self.host).expect("nobody has called yet").jobs = jobs;
        self
    }

    /// The folder around everything, without links; `project` and `data` are in it.
    pub(crate) fn root(&self) -> PathBuf {
        fs_err::canonicalize(self.folder.path()).expect("the folder exists")
    }

    /// A path in the project folder.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.scope.directory.join(relative)
    }

    /// Writes a file in the project folder, with its parents, and gives its path.
    pub(crate) fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent).expect("the project folder is writable");
        }
        fs_err::write(&path, content).expect("the project folder is writable");
        path
    }

    /// Reads a file of the project folder.
    pub(crate) fn read(&self, relative: impl AsRef<Path>) -> String {
        fs_err::read_to_string(self.path(relative)).expect("the file exists")
    }

    /// A call in this place.
    pub(crate) fn call(&self) -> Call {
        Call {
            session_id: SessionId::trusted("ses_test"),
            message_id: MessageId::trusted("msg_test"),
            call_id: "call_test".into(),
            agent: self.agent.clone(),
            model: Some("scripted-model".into()),
            scope: Arc::new(self.scope.clone()),
            host: Arc::clone(&self.host) as Arc<dyn Host>,
            cancel: self.cancel.clone(),
        }
    }

    /// Runs `tool` once.
    pub(crate) async fn run(&self, tool: &dyn Tool, input: Value) -> Result<Output, Failure> {
        tool.run(&self.call(), input).await
    }

    /// What the session was told by work in the background.
    pub(crate) fn told(&self) -> Vec<String> {
        self.host
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What the tools did with the host so far.
    pub(crate) fn recorded(&self) -> Recorded {
        self.host.recorded()
    }
}
