//! Temporary homes and projects, and the binary under test in them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::LIMIT;

/// A home folder with a project in it, and nothing of the real one.
pub struct Home {
    folder: TempDir,
    pub(crate) binary: PathBuf,
    variables: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Finished {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Standard output as JSON, a value a line.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// The lines of a type.
    #[must_use]
    pub fn of_type(&self, kind: &str) -> Vec<Value> {
        self.lines()
            .into_iter()
            .filter(|line| line["type"] == kind)
            .collect()
    }

    /// The session that the lines speak of.
    #[must_use]
    pub fn session(&self) -> String {
        let first = self
            .lines()
            .into_iter()
            .find_map(|line| line["sessionID"].as_str().map(str::to_owned));
        first.unwrap_or_else(|| panic!("no session in: {}\n{}", self.stdout, self.stderr))
    }

    /// The same, if it ended well.
    pub fn success(self) -> Self {
        assert!(
            self.status.success(),
            "{:?}\n{}\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }
}

impl Home {
    /// A home with an empty project that is a git repository with one commit.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let home = Self::bare(binary);
        let git = |arguments: &[&str]| {
            let status = Command::new("git")
                .args(arguments)
                .current_dir(home.project())
                .envs(home.environment())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(status.expect("git is installed").success(), "git {arguments:?}");
        };
        git(&["init", "-q"]);
        git(&["commit", "-q", "--allow-empty", "-m", "start"]);
        home
    }

    /// A home with an empty project that is no repository.
    #[must_use]
    pub fn bare(binary: impl Into<PathBuf>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a real path");
        for name in ["home", "project", "tmp"] {
            fs_err::create_dir_all(root.join(name)).expect("a folder");
        }
        let git = "[user]\n\tname = Test\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n";
        fs_err::write(root.join("home/.gitconfig"), git).expect("a file");
        Self {
            folder,
            binary: binary.into(),
            variables: Vec::new(),
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("a real path")
    }

    /// The home folder.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.root().join("home")
    }

    /// The project folder.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.root().join("project")
    }

    /// The data folder of the program.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path().join(".local/share/opencode")
    }

    /// Sets a variable for all commands.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a file of the project in the place of another one at once, as editors do: nobody sees half of it.
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.write(&format!("{name}.new"), content);
        fs_err::rename(path, self.project().join(name)).expect("the project folder is writable");
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project().join(name);
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs_err::write(&path, content).expect("a file");
        path
    }

    /// Configures the project to use a scripted model at `url`; `more` is merged over that.
    pub fn configure(&self, url: &str, more: Value) {
        let mut config = json!({
            "model": "scripted/scripted",
            "small_model": "scripted/scripted",
            "provider": { "scripted": {
                "npm": "@ai-sdk/openai-compatible", "name": "Scripted",
                "options": { "baseURL": url, "apiKey": "test-key" },
                "models": { "scripted": { "name": "Scripted", "limit": { "context": 128_000, "output": 8192 } } },
            } },
        });
        merge(&mut config, more);
        self.write("opencode.json", config.to_string());
    }

    /// Everything that the commands see of an environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let home = self.path().display().to_string();
        let mut all: Vec<(String, String)> = ["PATH", "LANG", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
            .collect();
        all.extend(
            [
                ("HOME", home.clone()),
                ("XDG_CONFIG_HOME", format!("{home}/.config")),
                ("XDG_DATA_HOME", format!("{home}/.local/share")),
                ("XDG_STATE_HOME", format!("{home}/.local/state")),
                ("XDG_CACHE_HOME", format!("{home}/.cache")),
                ("GIT_CONFIG_GLOBAL", format!("{home}/.gitconfig")),
                ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
                ("TMPDIR", self.root().join("tmp").display().to_string()),
                ("PWD", self.project().display().to_string()),
                ("SHELL", "/bin/bash".to_owned()),
                ("NO_COLOR", "1".to_owned()),
                ("OPENCODE_DISABLE_MODELS_FETCH", "1".to_owned()),
                ("OPENCODE_TEST_MANAGED_CONFIG_DIR", format!("{home}/managed")),
                // Nobody listens there: no test depends on what runs on this machine.
                ("OLLAMA_HOST", "127.0.0.1:1".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        all.extend(self.variables.iter().cloned());
        all
    }

    /// The binary with these arguments, in the project, with nothing on standard input.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.project())
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end without blocking the scripted model.
    pub async fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Finished {
        self.start(arguments).finish().await
    }

    /// Runs the binary with text on standard input.
    pub async fn run_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &str,
    ) -> Finished {
        self.start_with_input(arguments, input).finish().await
    }

    /// Starts the binary with text on standard input.
    pub fn start_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &str,
    ) -> Running {
        let mut command = self.command(arguments);
        let file = self.root().join("stdin");
        fs_err::write(&file, input).expect("a file");
        command.stdin(fs_err::File::open(&file).expect("a file").into_file());
        Running::start(command)
    }

    /// Starts the binary and leaves it running.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Running {
        Running::start(self.command(arguments))
    }

    /// Waits until a file of the project exists.
    pub async fn wait_for_file(&self, name: &str) {
        let path = self.project().join(name);
        let there = async {
            while !path.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, there)
            .await
            .expect("the file is made");
    }

    /// The database as SQLite sees it.
    #[must_use]
    pub fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data().join("opencode.db")).expect("a database")
    }
}

/// The binary while it runs. Dropping it kills it.
pub struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let child = command.spawn().expect("the binary starts");
        Self { child }
    }

    /// Waits for a line of standard output that holds `text`, and gives it.
    pub async fn line_with(&mut self, text: &str) -> String {
        let stdout = self.child.stdout.take().expect("it is read once at a time");
        let (stdout, line) = line_with(stdout, text, self.child.id()).await;
        self.child.stdout = Some(stdout);
        line
    }

    /// Waits until standard output begins with `text`, which need not be a whole line.
    pub async fn begins_with(&mut self, text: &str) {
        let mut stdout = self.child.stdout.take().expect("it is read once at a time");
        let text = text.to_owned();
        let reading = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; text.len()];
            stdout.read_exact(&mut bytes).expect("so many bytes");
            assert_eq!(String::from_utf8_lossy(&bytes), text);
            stdout
        });
        self.child.stdout = Some(within_limit("the beginning", self.child.id(), reading).await);
    }

    /// Waits for a line of standard error that holds `text`, and gives it.
    pub async fn talk_with(&mut self, text: &str) -> String {
        let stderr = self.child.stderr.take().expect("it is read once at a time");
        let (stderr, line) = line_with(stderr, text, self.child.id()).await;
        self.child.stderr = Some(stderr);
        line
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by its name (`INT`, `TERM`).
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.expect("kill").success());
    }

    /// Waits for its end.
    pub async fn finish(mut self) -> Finished {
        let id = self.child.id();
        let reading = tokio::task::spawn_blocking(move || {
            let mut stdout = String::new();
            let mut stderr = String::new();
            let mut out = self.child.stdout.take().expect("standard output");
            let mut err = self.child.stderr.take().expect("standard error");
            std::thread::scope(|scope| {
                scope.spawn(|| out.read_to_string(&mut stdout));
                scope.spawn(|| err.read_to_string(&mut stderr));
            });
            let status = self.child.wait().expect("it ends");
            Finished {
                status,
                stdout,
                stderr,
            }
        });
        within_limit("the end of the program", id, reading).await
    }
}

/// Waits for what a thread reads of the program; where that takes too long, the program is killed.
async fn within_limit<T>(what: &str, id: u32, reading: tokio::task::JoinHandle<T>) -> T {
    let Ok(result) = tokio::time::timeout(LIMIT, reading).await else {
        // It may have ended in this moment.
        let _ = Command::new("kill")
            .args(["-s", "KILL", &id.to_string()])
            .status();
        panic!("no sign of {what} after {LIMIT:?}");
    };
    result.expect(what)
}

async fn line_with<R: Read + Send + 'static>(source: R, text: &str, id: u32) -> (R, String) {
    let text = text.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        // What follows the line is for the next reader.
        let mut reader = BufReader::with_capacity(1, source);
        let mut line = String::new();
        loop {
            line.clear();
            let read = reader.read_line(&mut line).expect("a line");
            assert!(read > 0, "it ended without saying {text:?}");
            if line.contains(&text) {
                return (reader.into_inner(), line);
            }
        }
    });
    within_limit("the line", id, reading).await
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}
