//! The log: one line a happening, `timestamp=… level=… run=… message=… key=value`, in the file of the
//! reference program and, if wanted, on standard error.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use opencode_schema::time::{iso, now};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::arguments::{Global, LogLevel};

/// Beyond this the log starts anew and the old one is kept beside it.
const SIZE_LIMIT: u64 = 10 * 1024 * 1024;

/// Begins to log. Without a place to write to nothing is logged; that stops nobody.
pub(crate) fn begin(path: &Path, global: &Global) {
    let level = match global.log_level {
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    };
    let mut bytes = [0_u8; 4];
    // Without randomness all runs have one name.
    let _ = getrandom::fill(&mut bytes);
    let lines = Lines {
        level,
        run: hex::encode(bytes),
        file: Mutex::new(open(path)),
        print: global.print_logs,
    };
    // Fails only when somebody else logs already.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines));
}

fn open(path: &Path) -> Option<fs_err::File> {
    if fs_err::metadata(path).is_ok_and(|metadata| metadata.len() > SIZE_LIMIT) {
        let _ = fs_err::rename(path, path.with_extension("old.log"));
    }
    fs_err::create_dir_all(path.parent()?).ok()?;
    let mut options = fs_err::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).ok()
}

struct Lines {
    level: Level,
    run: String,
    file: Mutex<Option<fs_err::File>>,
    print: bool,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        // Libraries speak only when something is wrong.
        let own = metadata.target().starts_with("opencode");
        *metadata.level()
            <= if own {
                self.level
            } else {
                self.level.min(Level::WARN)
            }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = String::new();
        // Writing to a text does not fail.
        let _ = write!(
            line,
            "timestamp={} level={} run={}",
            iso(now()),
            event.metadata().level(),
            self.run
        );
        event.record(&mut Fields(&mut line));
        line.push('\n');
        if let Some(file) = self.file.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // A full disk stops the log, not the work.
            let _ = file.write_all(line.as_bytes());
        }
        if self.print {
            let _ = io::stderr().lock().write_all(line.as_bytes());
        }
    }
}

/// Writes `key=value` with quotation marks where they are needed.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let plain = !value.is_empty()
            && !value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '=');
        let _ = if plain {
            write!(self.0, " {field}={value}")
        } else {
            write!(self.0, " {field}={value:?}")
        };
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
