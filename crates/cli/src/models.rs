//! `opencode models`

use opencode_catalog::Catalog;
use opencode_schema::model::Provider;

use crate::arguments::Models;
use crate::context::Context;
use crate::failure::Failure;

/// Lists the models that can be used.
pub(crate) async fn run(context: &Context, arguments: Models) -> Result<(), Failure> {
    let engine = context.engine().await?;
    if arguments.refresh {
        let refreshed = engine.public_models().refresh(true).await;
        refreshed.map_err(|error| Failure::told(error.to_string()))?;
        context.output.say("Models cache refreshed");
    }
    let location = engine.location(&context.directory()?).await?;
    engine.shutdown().await;
    let catalog = &location.catalog;
    catalog.discover().await;
    let mut ids = match arguments.provider {
        Some(words) if !catalog.is_known(&words) => {
            return search(context, catalog, &words, arguments.verbose);
        }
        Some(id) => vec![id],
        None => catalog.connected(),
    };
    // Parity: cli.md §6, the project's own providers first.
    ids.sort_by_key(|id| (!id.starts_with("opencode"), id.clone()));
    for id in ids {
        let provider = catalog
            .provider(&id)
            .ok_or_else(|| Failure::told(format!("Provider not found: {id}")))?;
        print(context, catalog, &provider, arguments.verbose)?;
    }
    Ok(())
}

/// Lists the models that fit some words, the best first.
fn search(context: &Context, catalog: &Catalog, words: &str, verbose: bool) -> Result<(), Failure> {
    let found = catalog.search(words);
    if found.is_empty() {
        return Err(Failure::told(format!("Provider not found: {words}")));
    }
    for model in found {
        context
            .output
            .data(format_args!("{}/{}", model.provider_id, model.id))?;
        if verbose {
            context.output.data(serde_json::to_string_pretty(&model)?)?;
        }
    }
    Ok(())
}

fn print(context: &Context, catalog: &Catalog, provider: &Provider, verbose: bool) -> Result<(), Failure> {
    let mut models: Vec<_> = provider
        .models
        .values()
        .filter(|model| Catalog::adapter(model).is_ok())
        .collect();
    if models.is_empty() {
        context.output.warning(format_args!(
            "{} has no model that this version can use",
            provider.id
        ));
    }
    models.sort_by(|a, b| a.id.cmp(&b.id));
    for model in models {
        context
            .output
            .data(format_args!("{}/{}", provider.id, model.id))?;
        if verbose {
            context.output.data(serde_json::to_string_pretty(model)?)?;
        }
        if let Some(warning) = catalog.warning(model) {
            context.output.warning(warning);
        }
    }
    Ok(())
}
