//! Where things are, and what a report of a bug should say.

use opencode_config::environment::variable;

use crate::context::Context;
use crate::failure::Failure;

/// Prints the folders that are used.
pub(super) fn paths(context: &Context) -> Result<(), Failure> {
    let paths = &context.paths;
    for (name, path) in [
        ("home", paths.home.clone()),
        ("data", paths.data.clone()),
        ("bin", paths.cache.join("bin")),
        ("log", paths.data.join("log")),
        ("repos", paths.data.join("repos")),
        ("cache", paths.cache.clone()),
        ("config", paths.config.clone()),
        ("state", paths.state.clone()),
        ("tmp", paths.temporary.clone()),
    ] {
        context
            .output
            .data(format_args!("{name:<10} {}", path.display()))?;
    }
    Ok(())
}

/// Prints what a report of a bug should say.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = super::config::effective(context).await?;
    let output = context.output;
    output.data(format_args!("opencode version: {}", env!("CARGO_PKG_VERSION")))?;
    output.data(format_args!("os: {}", system()))?;
    output.data(format_args!("terminal: {}", terminal(context)))?;
    output.data("plugins:")?;
    if context.environment.is_on(variable::PURE) {
        output.data("external plugins disabled (--pure)")?;
        return Ok(());
    }
    let plugins = config["plugin"].as_array().cloned().unwrap_or_default();
    if plugins.is_empty() {
        output.data("none")?;
    }
    for plugin in plugins {
        // A plugin with options is an array that begins with its name.
        let name = plugin.as_str().or(plugin[0].as_str()).unwrap_or_default();
        output.data(format_args!("- {name}"))?;
    }
    Ok(())
}

/// The system as Node names it.
fn system() -> String {
    let kernel = |name: &str| {
        let text = fs_err::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
        Some(text.trim().to_owned())
    };
    let kind = kernel("ostype").unwrap_or_else(|| {
        match std::env::consts::OS {
            "macos" => "Darwin",
            "windows" => "Windows_NT",
            other => other,
        }
        .to_owned()
    });
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let release = kernel("osrelease")
        .map(|release| format!(" {release}"))
        .unwrap_or_default();
    format!("{kind}{release} {architecture}")
}

fn terminal(context: &Context) -> String {
    let environment = &context.environment;
    let program =
        environment
            .get("TERM_PROGRAM")
            .map(|program| match environment.get("TERM_PROGRAM_VERSION") {
                Some(version) => format!("{program} {version}"),
                None => program.to_owned(),
            });
    let all: Vec<String> = program
        .into_iter()
        .chain(environment.get("TERM").map(str::to_owned))
        .collect();
    if all.is_empty() {
        "unknown".to_owned()
    } else {
        all.join(" / ")
    }
}
