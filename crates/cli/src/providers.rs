//! `opencode providers` (reference `cli.md` §5): what connects to providers.

use opencode_catalog::public::Public;
use opencode_config::credential::{self, Credential};

use crate::arguments;
use crate::context::Context;
use crate::failure::Failure;
use crate::login;
use crate::output::Style;

pub(crate) async fn run(context: &Context, command: arguments::Providers) -> Result<(), Failure> {
    match command {
        arguments::Providers::List => list(context),
        arguments::Providers::Login(arguments) => login::run(context, arguments).await,
        arguments::Providers::Logout(arguments) => login::out(context, arguments).await,
    }
}

/// Lists stored credentials, and variables that hold keys.
fn list(context: &Context) -> Result<(), Failure> {
    let (paths, environment) = (&context.paths, &context.environment);
    let credentials = credential::read(paths, environment);
    let snapshot = Public::new(paths, environment, env!("CARGO_PKG_VERSION")).snapshot();
    let heads: Vec<_> = snapshot.heads().collect();
    let name = |id: &str| {
        heads
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, head)| head.name.clone())
    };
    let stored: Vec<(String, String)> = credentials
        .iter()
        .map(|(id, credential)| {
            let kind = match credential {
                Credential::Api { .. } => "api",
                Credential::Oauth { .. } => "oauth",
                Credential::Wellknown { .. } => "wellknown",
            };
            (name(id).unwrap_or_else(|| id.clone()), kind.to_owned())
        })
        .collect();
    let count = match stored.len() {
        1 => "1 credential".to_owned(),
        count => format!("{count} credentials"),
    };
    let file = context
        .output
        .styled_data(Style::Dim, paths.shorten(&paths.credentials()));
    boxed(context, &format!("Credentials {file}"), &stored, &count)?;
    let set: Vec<(String, String)> = heads
        .iter()
        .flat_map(|(_, head)| head.env.iter().map(move |variable| (head, variable)))
        .filter(|(_, variable)| environment.get(variable).is_some())
        .map(|(head, variable)| (head.name.clone(), variable.clone()))
        .collect();
    let count = match set.len() {
        0 => return Ok(()),
        1 => "1 environment variable".to_owned(),
        count => format!("{count} environment variables"),
    };
    boxed(context, "Environment", &set, &count)
}

/// Parity: cli.md §1, such lists are drawn as boxes on standard output.
fn boxed(context: &Context, title: &str, rows: &[(String, String)], end: &str) -> Result<(), Failure> {
    let output = context.output;
    output.data(format_args!("┌  {title}\n│"))?;
    for (name, about) in rows {
        let about = output.styled_data(Style::Dim, about);
        output.data(format_args!("●  {name} {about}\n│"))?;
    }
    output.data(format_args!("└  {end}\n"))
}
