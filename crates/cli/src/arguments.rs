//! The command line: what can be typed (reference `cli.md`). Nothing is done here.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::remote::Access;

/// An agent that works on software from a terminal.
#[derive(Debug, Parser)]
#[command(
    name = "opencode",
    version,
    disable_version_flag = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Talk to a session in this folder, line by line
    #[arg(long)]
    pub(crate) mini: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Print the log on standard error, too
    #[arg(long, global = true)]
    pub(crate) print_logs: bool,
    /// Let models change nothing: no files, no commands
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
    /// How much is logged
    #[arg(long, global = true, value_enum, default_value_t = LogLevel::Info, value_name = "LEVEL")]
    pub(crate) log_level: LogLevel,
    /// Merge this profile over the configuration (also OPENCODE_PROFILE)
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// `opencode index`
#[derive(Debug, Args)]
pub(crate) struct Index {
    #[command(subcommand)]
    pub(crate) action: IndexAction,
}

/// What is done with the search index of this folder.
#[derive(Debug, Subcommand)]
pub(crate) enum IndexAction {
    /// Take in everything that has changed
    Build,
    /// Print how much it holds
    Status,
    /// Print the places that fit some words best
    Search {
        /// What is looked for, in words
        #[arg(required = true)]
        words: Vec<String>,
        /// How many at most
        #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
        limit: usize,
        /// Print them with their text as JSON
        #[arg(long)]
        json: bool,
    },
    /// Take it away; the next search makes it anew
    Clear,
}

/// `opencode config`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Config {
    /// Print keys, values and sources as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) action: Option<ConfigAction>,
}

/// What is done with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Print one value that is in force
    Get {
        /// The key, such as agent.build.model
        key: String,
    },
    /// Set a key of a file; its comments stay
    Set {
        /// The key, such as agent.build.model
        key: String,
        /// The value as JSON, or a text
        value: String,
        #[command(flatten)]
        place: ConfigPlace,
    },
    /// Remove a key from a file; its comments stay
    Unset {
        /// The key, such as agent.build.model
        key: String,
        #[command(flatten)]
        place: ConfigPlace,
    },
    /// Print a file in another notation, with older keys in today's words
    Convert {
        /// The file: .json, .jsonc or .toml
        file: PathBuf,
        /// The notation; that of the file when it is not said
        #[arg(long, value_enum, value_name = "NOTATION")]
        to: Option<Notation>,
        /// Write it beside the file, which is kept as a copy that is not read
        #[arg(long)]
        write: bool,
    },
    /// Print the JSON Schema of configuration files
    Schema,
}

/// Which file is changed; that of this folder when nothing is said.
#[derive(Debug, Args)]
pub(crate) struct ConfigPlace {
    /// Change the file that counts for every folder
    #[arg(long, conflicts_with = "file")]
    pub(crate) global: bool,
    /// Change this file
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
}

/// Notations of configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Notation {
    /// Without comments.
    Json,
    /// JSON with comments.
    Jsonc,
    /// TOML.
    Toml,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    Info,
    /// What looks wrong.
    Warn,
    /// What is wrong.
    Error,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a message to a model and show what comes of it
    Run(Run),
    /// Answer over HTTP, for editors and other programs
    Serve(Serve),
    /// Answer over HTTP, and open the page that shows the sessions
    Web(Serve),
    /// Talk to a session of a running server, line by line
    #[command(after_help = ATTACH_HELP)]
    Attach(Attach),
    /// List and delete sessions
    #[command(subcommand, arg_required_else_help = true)]
    Session(Session),
    /// Print a session as JSON
    Export(Export),
    /// Take in a session that was exported
    Import(Import),
    /// List the models that can be used
    Models(Models),
    /// Log in to providers, and list what connects to them
    #[command(subcommand, alias = "auth", arg_required_else_help = true)]
    Providers(Providers),
    /// List the agents, and have new ones described
    #[command(subcommand, arg_required_else_help = true)]
    Agent(Agent),
    /// Show the configuration that is in force and where each value comes from; change and convert it
    Config(Config),
    /// Search the project by what is meant, and look after the index for it
    #[command(arg_required_else_help = true)]
    Index(Index),
    /// See and change what is allowed for good, and why something is asked
    #[command(subcommand, arg_required_else_help = true)]
    Permission(Permission),
    /// Show what was used: tokens, money, models, tools
    Stats(Stats),
    /// See what tools removed, and bring it back
    #[command(subcommand, arg_required_else_help = true)]
    Trash(Trash),
    /// Look into the database
    Db(Db),
    /// Look into the program
    #[command(subcommand, arg_required_else_help = true)]
    Debug(Debug),
    /// Print a completion script for a shell
    Completion(Completion),
}

/// `opencode trash`
#[derive(Debug, Subcommand)]
pub(crate) enum Trash {
    /// List what is in the trash, the newest first
    #[command(alias = "ls")]
    List,
    /// Put something back where it was
    Restore {
        /// As the list names it; the newest when it is left out
        id: Option<String>,
    },
    /// Delete everything in the trash for good
    Empty,
}

/// `opencode run`
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The message; standard input is appended to it when it is no terminal
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: Vec<String>,
    /// Give this command instead of a message; the words are its arguments
    #[arg(long, value_name = "NAME")]
    pub(crate) command: Option<String>,
    /// Continue the last session of this folder
    #[arg(short = 'c', long = "continue")]
    pub(crate) continue_last: bool,
    /// Continue this session
    #[arg(short, long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Continue in a copy of the session (with --continue or --session)
    #[arg(long)]
    pub(crate) fork: bool,
    /// Share the session, and say where
    #[arg(long)]
    pub(crate) share: bool,
    /// Title of a new session; without text, the first words of the message
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// Model as provider/model
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Agent that answers
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Variant of the model, such as a reasoning effort
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Files and folders to attach
    #[arg(short, long, num_args = 1.., value_name = "PATH")]
    pub(crate) file: Vec<String>,
    /// Text for people, or one JSON object a line
    #[arg(long, value_enum, default_value_t = Format::Default)]
    pub(crate) format: Format,
    /// Show what the model thinks
    #[arg(long)]
    pub(crate) thinking: bool,
    /// Work in this folder; with --attach, a folder of the server
    #[arg(long, value_name = "PATH")]
    pub(crate) dir: Option<PathBuf>,
    /// Let the server at this address do the work
    #[arg(long, value_name = "URL")]
    pub(crate) attach: Option<String>,
    #[command(flatten)]
    pub(crate) access: Access,
    /// End the turn when it has cost so many dollars, subagents included
    #[arg(long, value_name = "DOLLARS", value_parser = dollars)]
    pub(crate) max_cost: Option<f64>,
    /// Allow whatever needs permission and is not forbidden
    #[arg(long, aliases = ["yolo", "dangerously-skip-permissions"])]
    pub(crate) auto: bool,
}

/// How `run` shows what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Default,
    /// One JSON object a line.
    Json,
}

/// `opencode serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Where a command listens. What is not said here, `server` of the global configuration says.
#[derive(Debug, Default, Args)]
pub(crate) struct Network {
    /// Port to listen on; 0 takes 4096, or any when that is taken [default: 0]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Name or address of the interface to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "HOST")]
    pub(crate) hostname: Option<String>,
    /// Tell the local network of the server; without --hostname it listens on all interfaces then
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) mdns: Option<bool>,
    /// The name that the local network is told [default: opencode.local]
    #[arg(long, value_name = "NAME")]
    pub(crate) mdns_domain: Option<String>,
    /// Origins of pages that may use the server, beside those of this machine
    #[arg(long, value_name = "ORIGIN", num_args = 1..)]
    pub(crate) cors: Vec<String>,
    /// Let other machines have things executed although no password is set
    #[arg(long)]
    pub(crate) insecure: bool,
}

const ATTACH_HELP: &str = "\
Each line of standard input is a prompt, or the answer to what is asked. The answer is shown while it comes. \
Lines that begin with a slash are orders: /help lists them. Ctrl-C stops the turn, Ctrl-D ends.";

/// `opencode attach`
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Address of the server, as `opencode serve` prints it
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Work in this folder of the server
    #[arg(long, value_name = "PATH")]
    pub(crate) dir: Option<PathBuf>,
    /// Continue the last session of the folder
    #[arg(short = 'c', long = "continue")]
    pub(crate) continue_last: bool,
    /// Continue this session
    #[arg(short, long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Continue in a copy of the session (with --continue or --session)
    #[arg(long)]
    pub(crate) fork: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `opencode session`
#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// List the sessions of this project, the last used first
    List(SessionList),
    /// Delete a session and those that it started
    Delete(SessionDelete),
}

/// `opencode session list`
#[derive(Debug, Args)]
pub(crate) struct SessionList {
    /// So many at most
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub(crate) max_count: Option<u32>,
    /// A table, or JSON
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// `opencode session delete`
#[derive(Debug, Args)]
pub(crate) struct SessionDelete {
    /// The session
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// `opencode export`
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The session; without it the last used session of this project
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Leave out words, paths and data
    #[arg(long)]
    pub(crate) sanitize: bool,
}

/// `opencode import`
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// A file that `opencode export` made
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `opencode models`
#[derive(Debug, Args)]
pub(crate) struct Models {
    /// Only those of this provider; or those that fit these words, the best first: names, families, and
    /// what they can do, such as reasoning, image, pdf, free
    #[arg(value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
    /// With everything that is known of each
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Fetch the catalogue of models first
    #[arg(long)]
    pub(crate) refresh: bool,
}

/// `opencode providers`
#[derive(Debug, Subcommand)]
pub(crate) enum Providers {
    /// List stored credentials and variables that hold keys
    #[command(alias = "ls")]
    List,
    /// Log in to a provider, or store its key
    #[command(after_help = LOGIN_HELP)]
    Login(Login),
    /// Forget a stored credential
    Logout(Logout),
}

const LOGIN_HELP: &str = "\
What is not said here is asked. Without a terminal the answers are lines of standard input, the key the last \
of them.";

/// `opencode providers login`
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Address of an organisation that says itself how one logs in to it
    #[arg(value_name = "URL", conflicts_with_all = ["provider", "method", "key"])]
    pub(crate) url: Option<String>,
    /// Provider, by its id or name
    #[arg(short, long, value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
    /// Way to log in, by its name
    #[arg(short, long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// Store the key that comes on standard input
    #[arg(long, conflicts_with = "method")]
    pub(crate) key: bool,
    /// An answer to what the way to log in asks
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
}

/// `opencode providers logout`
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Provider, by its id or name
    #[arg(value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
}

/// `opencode agent`
#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Have a model describe a new agent, and write its file
    Create(AgentCreate),
    /// List the agents with their permissions
    List,
}

/// `opencode agent create`. What is not said here is asked.
#[derive(Debug, Args)]
pub(crate) struct AgentCreate {
    /// Folder in which the folder `agents` gets the file
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// What the agent should do
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Who may choose it
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) mode: Option<AgentMode>,
    /// Permissions to allow, separated by commas; nothing for all. There are: bash, read, edit, glob, grep,
    /// webfetch, task, todowrite, websearch, lsp, skill
    #[arg(long, alias = "tools", value_name = "LIST")]
    pub(crate) permissions: Option<String>,
    /// Model that describes it, as provider/model
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
}

/// Who may choose an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgentMode {
    /// The user and other agents.
    All,
    /// The user.
    Primary,
    /// Other agents.
    Subagent,
}

/// `opencode permission`
#[derive(Debug, Subcommand)]
pub(crate) enum Permission {
    /// List what is allowed for good in this project
    #[command(alias = "ls")]
    List {
        /// A table, or JSON
        #[arg(long, value_enum, default_value_t = ListFormat::Table)]
        format: ListFormat,
    },
    /// Allow something for good in this project; what configuration denies stays denied
    Add {
        /// The permission, such as bash or edit
        #[arg(value_name = "PERMISSION")]
        permission: String,
        /// What of it, such as "git status *"
        #[arg(value_name = "PATTERN", required = true)]
        patterns: Vec<String>,
    },
    /// No longer allow something for good
    #[command(alias = "rm")]
    Remove {
        /// The id that `list` shows
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show why something is allowed, asked or denied: the rules, and where they come from
    Explain(PermissionExplain),
    /// Show what was allowed and denied in a session, and by which rule
    Audit {
        /// The session
        #[arg(value_name = "SESSION")]
        session: String,
        /// A table, or JSON
        #[arg(long, value_enum, default_value_t = ListFormat::Table)]
        format: ListFormat,
    },
}

/// `opencode permission explain`
#[derive(Debug, Args)]
pub(crate) struct PermissionExplain {
    /// The permission, such as bash or edit
    #[arg(value_name = "PERMISSION")]
    pub(crate) permission: String,
    /// What of it, such as "git push"
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: Option<String>,
    /// The agent that asks
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// The session that asks
    #[arg(short, long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Text, or JSON
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// `opencode stats`
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Only the last so many days; 0 is today
    #[arg(long, value_name = "NUMBER")]
    pub(crate) days: Option<u32>,
    /// So many tools at most
    #[arg(long, value_name = "NUMBER")]
    pub(crate) tools: Option<usize>,
    /// Models too, all or so many
    #[arg(long, num_args = 0..=1, value_name = "NUMBER")]
    pub(crate) models: Option<Option<usize>>,
    /// Only this project; without an id, that of this folder
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "ID")]
    pub(crate) project: Option<String>,
}

/// `opencode db`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Db {
    /// A statement of SQL; without one, `sqlite3` is started
    #[arg(value_name = "QUERY")]
    pub(crate) query: Option<String>,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = RowFormat::Tsv)]
    pub(crate) format: RowFormat,
    #[command(subcommand)]
    pub(crate) command: Option<DbCommand>,
}

/// `opencode db …`
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Print where the database is
    Path,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// Columns between tabs, their names first.
    Tsv,
    /// An array of objects.
    Json,
}

/// `opencode debug`
#[derive(Debug, Subcommand)]
pub(crate) enum Debug {
    /// Print the configuration as it takes effect, without secrets
    Config,
    /// Print the folders that are used
    Paths,
    /// Print what a report of a bug should say
    Info,
    /// Print an agent with its tools, or run one of them
    Agent(DebugAgent),
    /// Print the skills
    Skill,
    /// Print all known projects
    Scrap,
    /// Look at the trees of files that are kept for undo
    #[command(subcommand, arg_required_else_help = true)]
    Snapshot(DebugSnapshot),
    /// Look at files as the program does
    #[command(subcommand, arg_required_else_help = true)]
    File(DebugFile),
    /// Search as the program does
    #[command(subcommand, arg_required_else_help = true)]
    Rg(DebugRg),
    /// Print how long the start took, in milliseconds
    Startup,
    /// Wait until a signal comes
    Wait,
}

/// `opencode debug agent`
#[derive(Debug, Args)]
pub(crate) struct DebugAgent {
    /// The agent
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A tool to run as this agent
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: Option<String>,
    /// What it is given, as JSON
    #[arg(long, value_name = "JSON", requires = "tool")]
    pub(crate) params: Option<String>,
}

/// `opencode debug snapshot`
#[derive(Debug, Subcommand)]
pub(crate) enum DebugSnapshot {
    /// Keep the files as they are now, and print under which name
    Track,
    /// Print which files have changed since
    Patch {
        /// What `track` printed
        hash: String,
    },
    /// Print how files have changed since
    Diff {
        /// What `track` printed
        hash: String,
    },
}

/// `opencode debug file`
#[derive(Debug, Subcommand)]
pub(crate) enum DebugFile {
    /// Print a file as JSON
    Read {
        /// The file, from here
        path: String,
    },
    /// List a folder
    List {
        /// The folder, from here
        path: String,
    },
    /// Search files by parts of their names
    Search {
        /// Some letters of the name, in their order
        query: String,
    },
}

/// `opencode debug rg`
#[derive(Debug, Subcommand)]
pub(crate) enum DebugRg {
    /// List files
    Files {
        /// Only those with this in their path
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        /// Only those that fit this pattern
        #[arg(long, value_name = "PATTERN")]
        glob: Option<String>,
        /// So many at most
        #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
        limit: usize,
    },
    /// Search in files
    Search {
        /// A regular expression
        pattern: String,
        /// Only in files that fit this pattern
        #[arg(long, value_name = "PATTERN")]
        glob: Option<String>,
        /// So many lines at most
        #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
        limit: usize,
    },
}

/// `opencode completion`
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell; without it the one that is used now
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Option<Shell>,
}

/// An amount of money.
fn dollars(text: &str) -> Result<f64, String> {
    let amount: f64 = text
        .trim_start_matches('$')
        .parse()
        .map_err(|_| "a number is wanted, such as 0.50".to_owned())?;
    if amount.is_finite() && amount >= 0.0 {
        Ok(amount)
    } else {
        Err("it cannot be less than nothing".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Run {
        let all = ["opencode", "run"].into_iter().chain(arguments.iter().copied());
        match Arguments::try_parse_from(all).unwrap().command {
            Some(Command::Run(run)) => run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definitions_are_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn messages_and_options_mix() {
        let parsed = run(&[
            "do",
            "--format=json",
            "this",
            "-m",
            "a/b",
            "--",
            "--not-an-option",
        ]);
        assert_eq!(parsed.message, ["do", "this", "--not-an-option"]);
        assert_eq!(
            (parsed.format, parsed.model.as_deref()),
            (Format::Json, Some("a/b"))
        );
    }

    #[test]
    fn a_title_may_be_empty() {
        assert_eq!(run(&["x"]).title, None);
        assert_eq!(run(&["x", "--title"]).title.as_deref(), Some(""));
        assert_eq!(
            run(&["x", "--title", "My title"]).title.as_deref(),
            Some("My title")
        );
    }

    #[test]
    fn older_names_of_auto_are_understood() {
        for name in ["--auto", "--yolo", "--dangerously-skip-permissions"] {
            assert!(run(&["x", name]).auto, "{name}");
        }
    }
}
