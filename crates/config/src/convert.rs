//! A configuration file in another notation, and with older keys in today's words (beyond the reference;
//! keys: reference `config.md` §5.3). Values, order where it counts, comments, and what stands in braces for
//! variables and files stay as they are; what cannot stay is told.

mod comments;
mod emit;
mod today;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::load::Reader;
use crate::schema::Issue;
use crate::text::{self, Source};
use crate::{Environment, Error, Paths, Place, edit, load, older, toml};
use comments::Comments;

/// A file in another form.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Its text.
    pub text: String,
    /// Where it belongs.
    pub path: PathBuf,
    /// What was done with which key.
    pub report: Vec<String>,
}

/// Where a file counts, together with others.
#[derive(Clone, Copy, Debug)]
pub struct Among<'a> {
    /// The folder.
    pub place: Place<'a>,
    /// Where files lie.
    pub paths: &'a Paths,
    /// The environment.
    pub environment: &'a Environment,
}

impl Among<'_> {
    /// What is in force, if the file says `text`, or what it says today.
    fn in_force(&self, path: &Path, text: Option<&str>) -> Result<Value, Error> {
        let reader = Reader::new(self.paths, self.environment);
        let reader = text.map_or(reader, |text| reader.with(path, text));
        let mut effective = reader.load(self.place)?.effective;
        if let Value::Object(effective) = &mut effective {
            if let Some(older) = effective.shift_remove("reference") {
                effective.entry("references").or_insert(older);
            }
            effective.retain(|key, _| !today::OLDER.contains(&key.as_str()));
            // The order of rules counts.
            as_text(effective);
            let agents = effective.get_mut("agent").and_then(Value::as_object_mut);
            for (_, agent) in agents.into_iter().flatten() {
                if let Value::Object(agent) = agent {
                    agent.retain(|key, _| !today::OLDER_OF_AGENTS.contains(&key.as_str()));
                    as_text(agent);
                }
            }
        }
        Ok(effective)
    }
}

/// Converts a file as [`file`] does, and leaves those older keys as they are that would mean something else in
/// today's form beside the other files that count in a place.
///
/// # Errors
/// As [`file`]; or what is in force cannot be read.
pub fn file_among(path: &Path, to: Option<&str>, among: Among<'_>) -> Result<Converted, Error> {
    let (_, folded) = convert(path, to, &BTreeSet::new())?;
    // The oldest file is taken over in a way of its own.
    if folded.is_empty() || path.extension().is_none() {
        return file(path, to);
    }
    let today = among.in_force(path, None)?;
    let changes = |stay: &BTreeSet<Vec<String>>| -> Result<bool, Error> {
        let (converted, _) = convert(path, None, stay)?;
        Ok(among.in_force(path, Some(&converted.text))? != today)
    };
    let mut stay = BTreeSet::new();
    if changes(&stay)? {
        let all: BTreeSet<Vec<String>> = folded.into_iter().collect();
        for key in &all {
            let mut others = all.clone();
            others.remove(key);
            if changes(&others)? {
                stay.insert(key.clone());
            }
        }
        if changes(&stay)? {
            stay = all;
        }
    }
    convert(path, to, &stay).map(|(converted, _)| converted)
}

/// Converts a file to `json`, `jsonc` or `toml`; to the notation that it has when none is said.
///
/// # Errors
/// It cannot be read, or has something that the notation cannot hold.
pub fn file(path: &Path, to: Option<&str>) -> Result<Converted, Error> {
    convert(path, to, &BTreeSet::new()).map(|(converted, _)| converted)
}

/// Converts a file, and tells which keys were folded that are folded only when all files are one, otherwise.
fn convert(
    path: &Path,
    to: Option<&str>,
    stay: &BTreeSet<Vec<String>>,
) -> Result<(Converted, Vec<Vec<String>>), Error> {
    let content = text::content(path)?.ok_or_else(|| Error::Unreadable {
        path: path.to_owned(),
        reason: "there is no such file".to_owned(),
    })?;
    // The file of the first days has no extension and is TOML.
    let is_oldest = path.extension().is_none();
    let is_toml = is_oldest || text::is_toml(path);
    let wrong = |at: usize, reason: String| text::syntax_error(&content, at, reason, path);
    let (mut value, mut comments) = if is_toml {
        let value = toml::parse(&content).map_err(|(at, reason)| wrong(at, reason))?;
        (value, Comments::of_toml(&content))
    } else {
        let parsed: Option<Value> = jsonc_parser::parse_to_serde_value(&content, &text::OPTIONS)
            .map_err(|error| wrong(error.range().start, error.kind().to_string()))?;
        match parsed {
            None => (serde_json::Map::new(), Comments::of_json(&content)),
            Some(Value::Object(object)) => (object, Comments::of_json(&content)),
            Some(_) => {
                return Err(Error::Invalid {
                    path: path.to_owned(),
                    issues: vec![Issue::new(Vec::new(), "Expected Config, got something else")],
                });
            }
        }
    };
    if is_oldest {
        value = older::today(value);
    }
    let today::Folded { mut report, shared } = today::fold(&mut value, &mut comments, stay);
    let own = path.extension().and_then(|extension| extension.to_str());
    let to = to.or(own).unwrap_or("json");
    let value = Value::Object(value);
    let text = match to {
        "toml" => emit::toml(&value, &comments, &mut report),
        "jsonc" => emit::json(&value, &comments),
        _ => {
            let lost = comments.count();
            if lost > 0 && own != Some("json") {
                report.push(format!("{lost} comments are left out; jsonc keeps them"));
                emit::json(&value, &Comments::default())
            } else {
                emit::json(&value, &comments)
            }
        }
    };
    let path = if is_oldest {
        path.with_file_name("opencode").with_extension(to)
    } else {
        path.with_extension(to)
    };
    same(&value, &text, &path)?;
    Ok((Converted { text, path, report }, shared))
}

/// The permissions of an object as they are written.
fn as_text(object: &mut serde_json::Map<String, Value>) {
    if let Some(permission) = object.get_mut("permission") {
        *permission = permission.to_string().into();
    }
}

/// Writes a converted file, and keeps the file as it was under another name, which is the answer.
///
/// # Errors
/// It would not load, another file is in its place, or it cannot be written.
pub fn write(
    from: &Path,
    converted: &Converted,
    paths: &Paths,
    environment: &Environment,
) -> Result<PathBuf, Error> {
    let to = &converted.path;
    let source = Source {
        path: to,
        folder: to.parent().unwrap_or(Path::new("/")),
        environment,
        paths,
    };
    load::checked(&converted.text, &source)?;
    let failed = |path: &Path, error: &std::io::Error| Error::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    if to != from && to.exists() {
        return Err(Error::Unwritable {
            path: to.clone(),
            reason: "there is such a file already".to_owned(),
        });
    }
    let kept = free_name(from);
    fs_err::copy(from, &kept).map_err(|error| failed(&kept, &error))?;
    edit::replace(to, &converted.text).map_err(|error| failed(to, &error))?;
    if to != from {
        fs_err::remove_file(from).map_err(|error| failed(from, &error))?;
    }
    Ok(kept)
}

/// A name behind that of a file that nothing has.
fn free_name(path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut kept = path.with_file_name(format!("{name}.bak"));
    let mut number = 2;
    while kept.exists() {
        kept = path.with_file_name(format!("{name}.bak{number}"));
        number += 1;
    }
    kept
}

/// Nothing is given out that says something else than what was taken in.
fn same(value: &Value, text: &str, path: &Path) -> Result<(), Error> {
    let read = if text::is_toml(path) {
        toml::parse(text).ok().map(Value::Object)
    } else {
        jsonc_parser::parse_to_serde_value(text, &text::OPTIONS)
            .ok()
            .flatten()
    };
    let wanted = if text::is_toml(path) {
        emit::without_null(value.clone())
    } else {
        value.clone()
    };
    if read.as_ref() == Some(&wanted) {
        return Ok(());
    }
    Err(Error::Invalid {
        path: path.to_owned(),
        issues: vec![Issue::new(
            Vec::new(),
            "The notation cannot hold all of its values",
        )],
    })
}

#[cfg(test)]
mod tests;
