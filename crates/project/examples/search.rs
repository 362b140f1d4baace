//! Searches a folder as the tools do and prints what was found, for comparison with ripgrep as a whole process:
//! `search glob FOLDER PATTERN [LIMIT]`, `search grep FOLDER PATTERN [LIMIT]`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use opencode_project::search::{self, Glob, Grep};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, directory, pattern, rest @ ..] = arguments.as_slice() else {
        return Err("search glob|grep FOLDER PATTERN [LIMIT]".into());
    };
    let limit: usize = rest.first().map_or(Ok(100), |limit| limit.parse())?;
    let (directory, pattern) = (PathBuf::from(directory), pattern.clone());
    let cancel = CancellationToken::new();
    let mut output = BufWriter::new(std::io::stdout());
    if kind == "glob" {
        let query = Glob {
            directory,
            pattern,
            hidden: false,
            limit,
        };
        for path in search::glob(query, &cancel).await? {
            writeln!(output, "{}", path.display())?;
        }
    } else {
        let query = Grep {
            directory,
            pattern,
            include: None,
            limit,
        };
        for found in search::grep(query, &cancel).await? {
            write!(output, "{}:{}:{}", found.path.display(), found.line, found.text)?;
        }
    }
    Ok(output.flush()?)
}
