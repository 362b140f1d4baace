//! The process environment, read once.

use std::collections::HashMap;
use std::sync::Arc;

/// The process environment as it was at start. Cheap to clone. Nothing reads the real one later, so that
/// what a test or a caller hands in is what counts.
#[derive(Clone, Default)]
pub struct Environment(Arc<HashMap<String, String>>);

/// Variables that the program itself acts on (reference `config.md` §10).
pub mod variable {
    /// One more configuration file, after the global ones.
    pub const CONFIG: &str = "OPENCODE_CONFIG";
    /// One more configuration folder, after all others.
    pub const CONFIG_DIR: &str = "OPENCODE_CONFIG_DIR";
    /// A further `tui.json`.
    pub const TUI_CONFIG: &str = "OPENCODE_TUI_CONFIG";
    /// Configuration as text, after all files.
    pub const CONFIG_CONTENT: &str = "OPENCODE_CONFIG_CONTENT";
    /// No plugins but those of the program itself.
    pub const PURE: &str = "OPENCODE_PURE";
    /// The profile that is merged over the configuration.
    pub const PROFILE: &str = "OPENCODE_PROFILE";
    /// Stands in for the folder of the machine's administrator.
    pub const MANAGED_DIR: &str = "OPENCODE_TEST_MANAGED_CONFIG_DIR";
    /// The terminal interface is drawn for readers of screens; not in the reference.
    pub const PLAIN: &str = "OPENCODE_PLAIN";
    /// The screen that the terminal interface begins with, as JSON.
    pub const ROUTE: &str = "OPENCODE_ROUTE";
    /// The mouse belongs to the terminal, not to the program.
    pub const DISABLE_MOUSE: &str = "OPENCODE_DISABLE_MOUSE";
    /// The terminal gets no name.
    pub const DISABLE_TERMINAL_TITLE: &str = "OPENCODE_DISABLE_TERMINAL_TITLE";
    /// What is selected with the mouse is copied by a key or the second button only.
    pub const DISABLE_COPY_ON_SELECT: &str = "OPENCODE_EXPERIMENTAL_DISABLE_COPY_ON_SELECT";
    /// The port at which the editor around the terminal listens, as editors set it.
    pub const EDITOR_PORT: &str = "CLAUDE_CODE_SSE_PORT";
    /// The same, where the other is not set.
    pub const OWN_EDITOR_PORT: &str = "OPENCODE_EDITOR_SSE_PORT";
    /// The program in which texts are edited.
    pub const VISUAL: &str = "VISUAL";
    /// The same, where `VISUAL` is not set.
    pub const EDITOR: &str = "EDITOR";
    /// Ignores configuration and rules files of the project.
    pub const DISABLE_PROJECT_CONFIG: &str = "OPENCODE_DISABLE_PROJECT_CONFIG";
    /// Permissions as JSON, merged over `permission`.
    pub const PERMISSION: &str = "OPENCODE_PERMISSION";
    /// Conversations are not summarised when they become long.
    pub const DISABLE_AUTOCOMPACT: &str = "OPENCODE_DISABLE_AUTOCOMPACT";
    /// Old results of tools stay in conversations.
    pub const DISABLE_PRUNE: &str = "OPENCODE_DISABLE_PRUNE";
    /// Nothing is shared.
    pub const DISABLE_SHARE: &str = "OPENCODE_DISABLE_SHARE";
    /// Every session is shared when it is made.
    pub const AUTO_SHARE: &str = "OPENCODE_AUTO_SHARE";
    /// Credentials as JSON, read instead of `auth.json`.
    pub const AUTH_CONTENT: &str = "OPENCODE_AUTH_CONTENT";
    /// Stands in for the home folder.
    pub const TEST_HOME: &str = "OPENCODE_TEST_HOME";
    /// The database: `:memory:`, an absolute path, or a name in the data folder.
    pub const DATABASE: &str = "OPENCODE_DB";
    /// A database on a PostgreSQL server, instead: `postgres://user:password@host/database`.
    pub const DATABASE_URL: &str = "OPENCODE_DATABASE_URL";
    /// Where the model catalogue is fetched from.
    pub const MODELS_URL: &str = "OPENCODE_MODELS_URL";
    /// The model catalogue is not fetched by itself.
    pub const DISABLE_MODELS_FETCH: &str = "OPENCODE_DISABLE_MODELS_FETCH";
    /// Models of servers on this machine are not looked for.
    pub const DISABLE_LOCAL_MODELS: &str = "OPENCODE_DISABLE_LOCAL_MODELS";
    /// Where Ollama listens, in its own words.
    pub const OLLAMA_HOST: &str = "OLLAMA_HOST";
    /// Tokens of Ollama's contexts, in its own words.
    pub const OLLAMA_CONTEXT_LENGTH: &str = "OLLAMA_CONTEXT_LENGTH";
    /// The model catalogue as a file.
    pub const MODELS_PATH: &str = "OPENCODE_MODELS_PATH";
    /// Offers models that are not ready.
    pub const ENABLE_EXPERIMENTAL_MODELS: &str = "OPENCODE_ENABLE_EXPERIMENTAL_MODELS";
    /// Output tokens asked for at most.
    pub const OUTPUT_TOKEN_MAX: &str = "OPENCODE_EXPERIMENTAL_OUTPUT_TOKEN_MAX";
    /// What clients of the server must know.
    pub const SERVER_PASSWORD: &str = "OPENCODE_SERVER_PASSWORD";
    /// The name that goes with it.
    pub const SERVER_USERNAME: &str = "OPENCODE_SERVER_USERNAME";
    /// What clients of the server may show instead, as it is.
    pub const SERVER_TOKEN: &str = "OA_SERVER_TOKEN";
    /// Which face drives the program.
    pub const CLIENT: &str = "OPENCODE_CLIENT";
    /// Offers the tool that asks the user to every face.
    pub const ENABLE_QUESTION_TOOL: &str = "OPENCODE_ENABLE_QUESTION_TOOL";
    /// Milliseconds that a command may take when the call does not say.
    pub const BASH_TIMEOUT: &str = "OPENCODE_EXPERIMENTAL_BASH_DEFAULT_TIMEOUT_MS";
    /// Nothing may be changed by models; not in the reference.
    pub const READ_ONLY: &str = "OPENCODE_READ_ONLY";
    /// Switches on what is not ready.
    pub const EXPERIMENTAL: &str = "OPENCODE_EXPERIMENTAL";
    /// Offers web search through Exa to every model.
    pub const ENABLE_EXA: &str = "OPENCODE_ENABLE_EXA";
    /// The same by its older name.
    pub const EXPERIMENTAL_EXA: &str = "OPENCODE_EXPERIMENTAL_EXA";
    /// Offers web search through Parallel to every model.
    pub const ENABLE_PARALLEL: &str = "OPENCODE_ENABLE_PARALLEL";
    /// The same by its older name.
    pub const EXPERIMENTAL_PARALLEL: &str = "OPENCODE_EXPERIMENTAL_PARALLEL";
    /// Who searches the web: `exa` or `parallel`.
    pub const WEBSEARCH_PROVIDER: &str = "OPENCODE_WEBSEARCH_PROVIDER";
    /// Key for Exa.
    pub const EXA_API_KEY: &str = "EXA_API_KEY";
    /// Key for Parallel.
    pub const PARALLEL_API_KEY: &str = "PARALLEL_API_KEY";
    /// Milliseconds that the first turn waits for MCP servers of which nothing is known yet.
    pub const MCP_WAIT: &str = "OPENCODE_MCP_WAIT";
    /// Where Exa's MCP server is, when it is reached through another one.
    pub const EXA_URL: &str = "OPENCODE_EXA_URL";
    /// Where Parallel's MCP server is, when it is reached through another one.
    pub const PARALLEL_URL: &str = "OPENCODE_PARALLEL_URL";
    /// Plans are kept in files, and the plan agent may ask to go on with building.
    pub const PLAN_MODE: &str = "OPENCODE_EXPERIMENTAL_PLAN_MODE";
    /// Tells of changes in the folders of projects.
    pub const FILE_WATCHER: &str = "OPENCODE_EXPERIMENTAL_FILEWATCHER";
    /// Tells of no changes that the program has not made itself, not even of branches.
    pub const DISABLE_FILE_WATCHER: &str = "OPENCODE_EXPERIMENTAL_DISABLE_FILEWATCHER";
    /// Lets `oxfmt` format files of projects that list it.
    pub const OXFMT: &str = "OPENCODE_EXPERIMENTAL_OXFMT";
    /// Gives models the `lsp` tool.
    pub const LSP_TOOL: &str = "OPENCODE_EXPERIMENTAL_LSP_TOOL";
    /// Asks `ty` about Python files in place of pyright.
    pub const LSP_TY: &str = "OPENCODE_EXPERIMENTAL_LSP_TY";
    /// Installs no language servers.
    pub const DISABLE_LSP_DOWNLOAD: &str = "OPENCODE_DISABLE_LSP_DOWNLOAD";
    /// Lets tasks run in the background.
    pub const BACKGROUND_SUBAGENTS: &str = "OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS";
    /// Switches workspaces on.
    pub const WORKSPACES: &str = "OPENCODE_EXPERIMENTAL_WORKSPACES";
    /// The workspace that the program works for.
    pub const WORKSPACE_ID: &str = "OPENCODE_WORKSPACE_ID";
    /// Megabytes that the trees of files of a worktree may take; beyond that they are not kept for a week.
    pub const SNAPSHOT_LIMIT: &str = "OPENCODE_SNAPSHOT_LIMIT";
    /// Ignores `CLAUDE.md` and `.claude/skills`.
    pub const DISABLE_CLAUDE_CODE: &str = "OPENCODE_DISABLE_CLAUDE_CODE";
    /// Ignores `CLAUDE.md`.
    pub const DISABLE_CLAUDE_CODE_PROMPT: &str = "OPENCODE_DISABLE_CLAUDE_CODE_PROMPT";
    /// Ignores `.claude/skills`.
    pub const DISABLE_CLAUDE_CODE_SKILLS: &str = "OPENCODE_DISABLE_CLAUDE_CODE_SKILLS";
    /// Ignores skills of other programs (`.claude`, `.agents`).
    pub const DISABLE_EXTERNAL_SKILLS: &str = "OPENCODE_DISABLE_EXTERNAL_SKILLS";
}

impl Environment {
    /// The environment of this process. Variables that are not UTF-8 are left out.
    #[must_use]
    pub fn capture() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// A variable, unless it is unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The same with some variables set.
    #[must_use]
    pub fn with(&self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut all = (*self.0).clone();
        all.extend(variables);
        Self(Arc::new(all))
    }

    /// All variables that are not empty.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(|(_, value)| !value.is_empty())
    }

    /// Whether a switch is on: `true` or `1`.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// Whether something that is not ready is on: by its own switch, or by that of all
    /// ([`variable::EXPERIMENTAL`]). Its own wins (reference `tools.md` §1).
    #[must_use]
    pub fn is_experiment_on(&self, name: &str) -> bool {
        match self.get(name) {
            Some(_) => self.is_on(name),
            None => self.is_on(variable::EXPERIMENTAL),
        }
    }

    /// A positive whole number; anything else counts as unset.
    #[must_use]
    pub fn positive(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok().filter(|number| *number > 0)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(Arc::new(variables.into_iter().collect()))
    }
}

/// Names only: values may be secret.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
