//! `opencode plugin` (reference `plugins.md` §7): brings a plugin and writes it into configuration files.

use std::path::{Path, PathBuf};

use opencode_config::edit::{self, Placed};
use opencode_config::environment::variable;
use opencode_plugin::package::{self, Installed, Kind, Needs, TargetKind};

use crate::arguments::Plugin;
use crate::context::Context;
use crate::failure::Failure;

/// The folder of configuration in a project.
const FOLDER: &str = ".opencode";

pub(crate) async fn run(context: &Context, arguments: Plugin) -> Result<(), Failure> {
    let module = arguments.module.trim();
    if module.is_empty() {
        return Err(Failure::told("module is required"));
    }
    // Where this is to be written, the other plugins have no say in.
    let mut place = context.clone();
    place.set(variable::PURE, "1");
    let (engine, location) = place.here().await?;
    engine.shutdown().await;
    let directory = context.directory()?;
    let (folder, top, scope) = if arguments.global {
        let folder = context.paths.config.clone();
        (folder.clone(), folder, "global")
    } else {
        let top = match location.is_git {
            true => location.worktree.clone(),
            false => location.directory.clone(),
        };
        (top.join(FOLDER), top, "local")
    };

    let installed = bring(context, module, &directory).await?;
    let targets = installed
        .targets()
        .map_err(|reason| Failure::told(format!("\"{module}\" cannot be read as a plugin: {reason}")))?;
    if targets.is_empty() {
        return Err(Failure::told(format!(
            "\"{module}\" is no plugin\nIts package.json would have exports[\"./server\"] or main for the engine, exports[\"./tui\"] or oc-themes for the terminal interface"
        )));
    }
    let names: Vec<&str> = targets.iter().map(|target| target.kind.name()).collect();
    context
        .output
        .say(format_args!("It is for: {}", names.join(", ")));

    let specification = package::moved(module, &directory, &folder, &top);
    for target in &targets {
        let file = file_for(&folder, target.kind);
        let plugin = edit::Plugin {
            specification: &specification,
            options: target.options.as_ref(),
        };
        let is_same = |other: &str| package::is_same(&specification, other, &folder);
        let placed = edit::plugin(
            &file,
            plugin,
            is_same,
            arguments.force,
            &context.paths,
            &context.environment,
        );
        let placed = placed
            .map_err(|error| Failure::told(format!("{error}\nRepair the file and give the command again")))?;
        let said = match placed {
            Placed::Added => "Added to",
            Placed::Present => "Already configured in",
            Placed::Replaced => "Replaced in",
        };
        context.output.data(format_args!("{said} {}", file.display()))?;
    }
    let place = folder.display();
    context
        .output
        .data(format_args!("Installed {module} ({scope}: {place})"))
}

async fn bring(context: &Context, module: &str, directory: &Path) -> Result<Installed, Failure> {
    if package::kind_of(module) == Kind::Package {
        context.output.say(format_args!("Installing {module}"));
    }
    let needs = Needs {
        paths: &context.paths,
        environment: &context.environment,
    };
    package::bring(module, directory, &needs)
        .await
        .map_err(|reason| Failure::told(format!("Could not install \"{module}\": {reason}")))
}

/// The file that configures plugins for whom they are for.
fn file_for(folder: &Path, kind: TargetKind) -> PathBuf {
    let name = match kind {
        TargetKind::Server => "opencode",
        TargetKind::Tui => "tui",
    };
    edit::json_file(folder, name)
}
