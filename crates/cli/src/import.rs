//! `opencode import`

use std::io::ErrorKind;

use crate::arguments::Import;
use crate::context::Context;
use crate::failure::Failure;

/// Takes in a session that was exported.
pub(crate) async fn run(context: &Context, arguments: Import) -> Result<(), Failure> {
    let path = context.directory()?.join(&arguments.file);
    let name = arguments.file.display();
    let text = fs_err::read_to_string(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::told(format!("File not found: {name}")),
        _ => Failure::told(error.to_string()),
    })?;
    let value = serde_json::from_str(&text)
        .map_err(|error| Failure::told(format!("Invalid JSON in {name}: {error}")))?;
    let (engine, location) = context.here().await?;
    let imported = engine.import_session(&location, value).await;
    let id = imported.map_err(|error| Failure::told(format!("{name}: {error}")))?;
    engine.shutdown().await;
    context.output.data(format_args!("Imported session: {id}"))?;
    Ok(())
}
