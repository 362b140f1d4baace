//! The binary: reads the command line, does what it says, and ends with the right code.

mod acp;
mod agent;
mod arguments;
mod ask;
mod attach;
mod completion;
mod config;
mod context;
mod database;
mod debug;
mod export;
mod face;
mod failure;
mod frame;
mod import;
mod index;
mod inside;
mod log;
mod login;
mod mcp;
mod models;
mod network;
mod output;
mod permission;
mod plugin;
mod provider_help;
mod providers;
mod remote;
mod run;
mod serve;
mod session;
mod signals;
mod stats;
mod storage;
mod trash;
mod web;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use opencode_process::sandbox;

use opencode_config::environment::variable;

use crate::arguments::{Arguments, Command, Face};
use crate::context::Context;
use crate::failure::Failure;

/// What a shell ends with when it cannot run a command.
const NOT_RUN: u8 = 126;
/// Threads that work: one for what is said, one for what is done.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == sandbox::MARK) {
        let refused = sandbox::enter(words);
        Context::new()
            .output
            .say(format!("The command was not run: {refused}"));
        return ExitCode::from(NOT_RUN);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let mut context = Context::new();
    if let Some(profile) = &arguments.global.profile {
        context.set(variable::PROFILE, profile);
    }
    if arguments.global.read_only {
        context.set(variable::READ_ONLY, "1");
    }
    if arguments.global.pure {
        context.set(variable::PURE, "1");
    }
    if let Some(Command::Completion(arguments)) = &arguments.command {
        return finish(&context, completion::run(&context, arguments));
    }
    if arguments.command.is_some() && arguments.face != Face::default() {
        let failure =
            Failure::told("--mini and the other options of the terminal interface stand without a command");
        return finish(&context, Err(failure));
    }
    log::begin(&context.paths.log(), &arguments.global);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            return finish(
                &context,
                Err(anyhow::Error::from(error).context("cannot start").into()),
            );
        }
    };
    let result = runtime.block_on(perform(&context, arguments));
    let code = finish(&context, result);
    // What still runs is of no use to anybody any more.
    runtime.shutdown_background();
    code
}

/// Does what a command says; without one the user wants to talk.
async fn perform(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { command, face, .. } = arguments;
    let is_elsewhere = match &command {
        Some(Command::Run(run)) => run.attach.is_some(),
        Some(Command::Attach(_)) => true,
        _ => false,
    };
    if is_elsewhere && context.environment.is_on(variable::READ_ONLY) {
        return Err(Failure::told(
            "--read-only is for the program that does the work\nStart the server with it: opencode serve --read-only",
        ));
    }
    let Some(command) = command else {
        return Box::pin(face::run(context, face)).await;
    };
    match command {
        Command::Run(arguments) => run::run(context, arguments).await,
        Command::Serve(arguments) => serve::run(context, arguments).await,
        Command::Web(arguments) => web::run(context, arguments).await,
        Command::Acp(arguments) => Box::pin(acp::run(context, arguments)).await,
        Command::Attach(arguments) => Box::pin(attach::run(context, arguments)).await,
        Command::Session(command) => session::run(context, command).await,
        Command::Export(arguments) => export::run(context, arguments).await,
        Command::Import(arguments) => import::run(context, arguments).await,
        Command::Models(arguments) => models::run(context, arguments).await,
        Command::Providers(command) => providers::run(context, command).await,
        Command::Mcp(command) => mcp::run(context, command).await,
        Command::Plugin(arguments) => plugin::run(context, arguments).await,
        Command::Agent(command) => agent::run(context, command).await,
        Command::Config(command) => config::run(context, command).await,
        Command::Index(command) => index::run(context, command).await,
        Command::Permission(command) => permission::run(context, command).await,
        Command::Stats(arguments) => stats::run(context, arguments).await,
        Command::Storage(arguments) => storage::run(context, arguments).await,
        Command::Trash(command) => trash::run(context, &command),
        Command::Db(arguments) => database::run(context, arguments).await,
        Command::Debug(command) => debug::run(context, command).await,
        Command::Completion(arguments) => completion::run(context, &arguments),
    }
}

fn finish(context: &Context, result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(context.output),
    }
}

/// Without a command there is nothing to do but to say what could be done.
/// Shows help, version, or what is wrong with the command line.
fn refuse(error: &clap::Error) -> ExitCode {
    let context = Context::new();
    if error.kind() == ErrorKind::DisplayVersion {
        return finish(&context, context.output.data(env!("CARGO_PKG_VERSION")));
    }
    // Parity: cli.md §1, help goes to standard error.
    let text = context.output.rendered(&error.render());
    context.output.say(text.trim_end());
    match error.kind() {
        ErrorKind::DisplayHelp => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
