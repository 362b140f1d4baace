//! The recorded cases beside the project, and what all tests need.

use std::path::{Path, PathBuf};

use opencode_llm::adapter::{Adapter, Api, by_package, by_package_and_api};
use serde_json::Value;

/// The folder of provider cases, if it is there.
pub(crate) fn provider_cases() -> Option<PathBuf> {
    let root = std::env::var_os("OPENCODE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = root.join("fixtures/providers");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: there are no cases at {}", folder.display());
    None
}

/// The entries of a folder, sorted; none if it is absent.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> Value {
    let text = fs_err::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The adapter that a case names.
pub(crate) fn adapter(case: &Value) -> Option<&'static Adapter> {
    let package = case["package"].as_str()?;
    match case["api"].as_str() {
        Some("chat") => by_package_and_api(package, Api::Chat),
        Some("responses") => by_package_and_api(package, Api::Responses),
        Some("deepseek") => by_package_and_api(package, Api::DeepSeek),
        _ => by_package(package),
    }
}

/// The adapter of a package.
pub(crate) fn package(name: &str) -> &'static Adapter {
    by_package(name).unwrap_or_else(|| panic!("no adapter for {name}"))
}
