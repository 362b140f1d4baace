//! What a start pays for the catalogue: from nothing to the target of one model, and to the choice of a model
//! that nobody named. No list of models is asked for.
//!
//! ```text
//! cargo run --release -p opencode-catalog --example start [-- api.json]
//! ```
//!
//! With a document it measures with a fetched one, too: the first start reads it as it came and packs it. Each
//! figure is the median of new catalogues in this process; the first, whose pages of memory are new, stands
//! beside it.
#![expect(clippy::print_stdout, reason = "its lines are what it is for")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opencode_catalog::public::Public;
use opencode_catalog::{Catalog, Sources};
use opencode_config::credential::Credentials;
use opencode_config::{Environment, Paths};
use opencode_schema::config::Config;

const STARTS: usize = 101;
type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let home = tempfile::tempdir()?;
    measure("with the copy in the program", home.path())?;
    if let Some(document) = std::env::args_os().nth(1) {
        let cache = home.path().join(".cache/opencode");
        fs_err::create_dir_all(&cache)?;
        fs_err::copy(document, cache.join("models.json"))?;
        measure("with a fetched document", home.path())?;
    }
    Ok(())
}

fn measure(what: &str, home: &Path) -> Result<(), Failure> {
    let variables = [
        ("HOME", home.to_string_lossy().into_owned()),
        ("ANTHROPIC_API_KEY", "key".to_owned()),
    ];
    let environment: Environment = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let paths = Paths::new(&environment);
    let start = || {
        Catalog::new(Sources {
            public: Arc::new(Public::new(&paths, &environment, "0.0.0")),
            paths: paths.clone(),
            environment: environment.clone(),
            credentials: Credentials::default(),
            config: Arc::new(Config::default()),
            version: "0.0.0",
            logins: opencode_catalog::login::Options::default(),
            additions: Arc::default(),
        })
    };
    let [named, chosen] = [named, chosen].map(|use_it| -> Result<[Duration; 2], Failure> {
        let mut times = Vec::with_capacity(STARTS);
        for _ in 0..STARTS {
            let begun = Instant::now();
            use_it(&start())?;
            times.push(begun.elapsed());
        }
        let first = times.first().copied().unwrap_or_default();
        times.sort_unstable();
        Ok([times.get(STARTS / 2).copied().unwrap_or_default(), first])
    });
    for (step, [median, first]) in [("a named model", named?), ("a model to be chosen", chosen?)] {
        println!("{what}, {step}: {median:.2?}, first {first:.2?}");
    }
    Ok(())
}

fn named(catalog: &Catalog) -> Result<(), Failure> {
    let model = catalog.model("anthropic", "claude-sonnet-4-5")?;
    catalog.target(&model)?;
    Ok(())
}

fn chosen(catalog: &Catalog) -> Result<(), Failure> {
    let choice = catalog.default_model()?;
    let _ = catalog.small_model(&choice.provider_id);
    catalog.target(&catalog.model(&choice.provider_id, &choice.model_id)?)?;
    Ok(())
}
