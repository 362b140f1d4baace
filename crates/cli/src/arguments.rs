//! The command line: what can be typed (reference `cli.md`). Nothing is done here.

mod config;
mod debug;
mod mcp;
mod permission;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use opencode_tui::Replay;

pub(crate) use self::config::{Config, ConfigAction, ConfigPlace, Notation};
pub(crate) use self::debug::{Debug, DebugAgent, DebugFile, DebugLsp, DebugRg, DebugSnapshot};
pub(crate) use self::mcp::{Mcp, McpAdd, McpAuthAction, McpServe};
pub(crate) use self::permission::{Permission, PermissionExplain};
use crate::failure::Failure;
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
    #[command(flatten)]
    pub(crate) face: Face,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// `opencode` without a command: the terminal face
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Face {
    /// Folder of the project that is worked on [default: the current one]
    #[arg(value_name = "PROJECT")]
    pub(crate) project: Option<PathBuf>,
    /// Model of the first prompt
    #[arg(short, long, value_name = "PROVIDER/MODEL")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) continued: Continued,
    /// Send this as soon as the program is ready
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Agent of the first prompt
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Give every permission that is not denied
    #[arg(long)]
    pub(crate) auto: bool,
    #[command(flatten)]
    pub(crate) mini: Mini,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// The small terminal face.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Mini {
    /// Talk without taking the screen: what is said scrolls by, only the prompt stays
    #[arg(long = "mini")]
    pub(crate) is_wanted: bool,
    /// With --mini, do not print again what was said before, nor when the window gets another width
    #[arg(long)]
    pub(crate) no_replay: bool,
    /// With --mini, print only so many of the newest messages again
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) replay_limit: Option<String>,
    /// The opposite, which is so without it and refused.
    #[arg(long, hide = true)]
    pub(crate) replay: bool,
}

impl Mini {
    /// What is printed again of what was said before, if this face is wanted.
    pub(crate) fn replay(&self) -> Result<Option<Replay>, Failure> {
        let given = [
            (self.no_replay, "--no-replay"),
            (self.replay_limit.is_some(), "--replay-limit"),
        ];
        if let Some((_, option)) = given.iter().find(|(is_given, _)| *is_given && !self.is_wanted) {
            return Err(Failure::told(format!("{option} requires --mini")));
        }
        if self.replay {
            return Err(Failure::told(
                "--replay is not needed: what was said before is printed again unless --no-replay is given",
            ));
        }
        let limit = self.replay_limit.as_deref().map(str::parse::<usize>);
        let limit = match limit {
            None => None,
            Some(Ok(limit)) if limit > 0 => Some(limit),
            Some(_) => return Err(Failure::told("--replay-limit must be a positive integer")),
        };
        let replay = Replay {
            is_wanted: !self.no_replay,
            limit,
        };
        Ok(self.is_wanted.then_some(replay))
    }
}

/// Which session goes on.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Continued {
    /// Continue the last session of the folder
    #[arg(short = 'c', long = "continue")]
    pub(crate) continue_last: bool,
    /// Continue this session
    #[arg(short, long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Continue in a copy of the session (with --continue or --session)
    #[arg(long)]
    pub(crate) fork: bool,
}

impl Continued {
    /// A copy needs something to be a copy of.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.fork && !self.continue_last && self.session.is_none() {
            return Err(Failure::told("--fork requires --continue or --session"));
        }
        Ok(())
    }
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
    /// Load no plugins (also OPENCODE_PURE)
    #[arg(long, global = true)]
    pub(crate) pure: bool,
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
    /// Talk to sessions of a running server
    #[command(after_help = ATTACH_HELP)]
    Attach(Attach),
    /// Let an editor drive the agent over standard input and output (Agent Client Protocol)
    Acp(Acp),
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
    /// Look after MCP servers, which lend tools
    #[command(subcommand, arg_required_else_help = true)]
    Mcp(Mcp),
    /// Install a plugin and configure it
    #[command(alias = "plug")]
    Plugin(Plugin),
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
    /// Show how much room is taken by what, and make some
    Storage(Storage),
    /// Look into the database
    Db(Db),
    /// Look into the program
    #[command(subcommand, arg_required_else_help = true)]
    Debug(Debug),
    /// Print a completion script for a shell
    Completion(Completion),
}

/// `opencode plugin`
#[derive(Debug, Args)]
pub(crate) struct Plugin {
    /// A package as npm names it, or the path of a file or folder
    pub(crate) module: String,
    /// Configure it for every project
    #[arg(short, long)]
    pub(crate) global: bool,
    /// Take the place of another version that is configured
    #[arg(short, long)]
    pub(crate) force: bool,
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
    #[command(flatten)]
    pub(crate) continued: Continued,
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

/// `opencode acp`
#[derive(Debug, Args)]
pub(crate) struct Acp {
    /// Work in this folder
    #[arg(long, value_name = "PATH")]
    pub(crate) cwd: Option<PathBuf>,
    /// Where other clients of the same sessions may connect; without any of these nothing listens
    #[command(flatten)]
    pub(crate) network: Network,
}

impl Network {
    /// The first option that was given, as it is written.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            (self.port.is_some(), "--port"),
            (self.hostname.is_some(), "--hostname"),
            (self.mdns.is_some(), "--mdns"),
            (self.mdns_domain.is_some(), "--mdns-domain"),
            (!self.cors.is_empty(), "--cors"),
            (self.insecure, "--insecure"),
        ];
        given
            .into_iter()
            .find_map(|(is_given, option)| is_given.then_some(option))
    }
}

/// Where a command listens. What is not said here, `server` of the global configuration says.
#[derive(Debug, Default, PartialEq, Eq, Args)]
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
With --mini and without a terminal, each line of standard input is a prompt, or the answer to what is asked. \
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
    #[command(flatten)]
    pub(crate) continued: Continued,
    #[command(flatten)]
    pub(crate) mini: Mini,
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
    /// Find sessions whose folder is gone or that lie in other database files, and bring them here
    Recover(SessionRecover),
    /// List durable sessions whose program was ended while they were at work
    Unfinished(SessionUnfinished),
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

/// `opencode session unfinished`
#[derive(Debug, Args)]
pub(crate) struct SessionUnfinished {
    /// A table, or JSON
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// `opencode session recover`
#[derive(Debug, Args)]
pub(crate) struct SessionRecover {
    /// Move sessions to where their project is now, and take over those of other files
    #[arg(long)]
    pub(crate) apply: bool,
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

/// `opencode storage`
#[derive(Debug, Args)]
pub(crate) struct Storage {
    /// Print bytes and counts as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) action: Option<StorageAction>,
}

/// `opencode storage …`
#[derive(Debug, Subcommand)]
pub(crate) enum StorageAction {
    /// Take away what is too old to be kept, as servers do hourly: tool results, trash, snapshots
    Gc,
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
    /// See whether the file is whole and its sessions agree with their log; changes nothing
    Check,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// Columns between tabs, their names first.
    Tsv,
    /// An array of objects.
    Json,
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
