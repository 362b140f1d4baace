//! What every command needs: the environment, the folders, the engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use opencode_config::{Environment, Paths};
use opencode_server::serve_inside;
use opencode_session::{Engine, Location, Options};

use crate::failure::Failure;
use crate::output::Output;

/// What every command needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) paths: Paths,
    pub(crate) output: Output,
    /// When the program began.
    pub(crate) started: Instant,
}

impl Context {
    pub(crate) fn new() -> Self {
        let started = Instant::now();
        let environment = Environment::capture();
        let paths = Paths::new(&environment);
        let output = Output::new(&environment);
        Self {
            environment,
            paths,
            output,
            started,
        }
    }

    /// What the command line says counts instead of the environment.
    pub(crate) fn set(&mut self, variable: &str, value: &str) {
        self.environment = self.environment.with([(variable.to_owned(), value.to_owned())]);
    }

    /// The folder that the user is in: as the shell names it, if that is true, because it may lead through
    /// a link.
    pub(crate) fn directory(&self) -> Result<PathBuf, Failure> {
        let real = std::env::current_dir()
            .map_err(|error| Failure::told(format!("The working directory cannot be found: {error}")))?;
        let named = self
            .environment
            .get("PWD")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let same = |path: &PathBuf| fs_err::canonicalize(path).ok() == fs_err::canonicalize(&real).ok();
        Ok(named.filter(same).unwrap_or(real))
    }

    pub(crate) async fn engine(&self) -> Result<Engine, Failure> {
        let options = Options {
            paths: self.paths.clone(),
            environment: self.environment.clone(),
            version: env!("CARGO_PKG_VERSION"),
        };
        let engine = Engine::open(options).await?;
        // The folder counts for requests that name none, which those of plugins do.
        let directory = self.directory().unwrap_or_else(|_| self.paths.home.clone());
        engine.open_door(|engine, connections, stop| {
            serve_inside(engine, directory, env!("CARGO_PKG_VERSION"), connections, stop)
        });
        Ok(engine)
    }

    /// The engine and the location of the folder that the user is in.
    pub(crate) async fn here(&self) -> Result<(Engine, Arc<Location>), Failure> {
        let engine = self.engine().await?;
        let location = engine.location(&self.directory()?).await?;
        Ok((engine, location))
    }
}
