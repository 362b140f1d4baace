//! A cage for command lines: what they may write, read and reach (beyond the reference; off unless configured).
//!
//! A process can only restrict itself, and code between fork and exec would be unsafe. So the program starts
//! itself again with [`MARK`] as first argument; there [`enter`] restricts the fresh process and lets the shell
//! take its place. Whatever the shell starts is in the same cage and cannot get out of it, nor get more rights.
//!
//! Linux only: Landlock for files (writing, and reading if wanted), seccomp for the network. Not covered, because
//! Landlock does not know them: modes, owners and times of files outside, and how much is used of anything.

#[cfg_attr(target_os = "linux", path = "sandbox/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "sandbox/none.rs")]
mod cage;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The first argument that makes the program a helper of this module instead of what it is.
pub const MARK: &str = "__sandbox";

/// What a command line may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Files and folders that may be written, with what is in them, absolute. What is missing is left out.
    pub write: Vec<PathBuf>,
    /// The only ones that may be read besides those and the system's; everything when nothing is said.
    pub read: Option<Vec<PathBuf>>,
    /// Whether it may use the network, and sockets of other programs of this machine.
    pub network: bool,
}

/// Why there is no sandbox here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no sandbox is available here: {0}")]
pub struct Unavailable(String);

/// Why a command line was not put into its sandbox.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// Whether command lines can be put into a sandbox. Found out once.
///
/// # Errors
/// Why not.
pub fn available() -> Result<(), Unavailable> {
    static FOUND: OnceLock<Result<(), Unavailable>> = OnceLock::new();
    FOUND.get_or_init(|| cage::probe().map_err(Unavailable)).clone()
}

impl Sandbox {
    /// The program that enters the sandbox, and what it is told before the command line.
    pub(crate) fn helper(&self) -> (&'static Path, Vec<OsString>) {
        let mut arguments = vec![OsString::from(MARK)];
        if self.network {
            arguments.push("network".into());
        }
        let pair = |key: &str, path: &Path| {
            let mut argument = OsString::from(key);
            argument.push(path);
            argument
        };
        arguments.extend(self.write.iter().map(|path| pair("write=", path)));
        if let Some(read) = &self.read {
            arguments.push("read-only-listed".into());
            arguments.extend(read.iter().map(|path| pair("read=", path)));
        }
        arguments.push("--".into());
        (Path::new(cage::PROGRAM), arguments)
    }

    /// The sandbox and the command line that [`Sandbox::helper`] told, without the mark.
    fn told(arguments: impl Iterator<Item = OsString>) -> Result<(Self, Vec<OsString>), Refused> {
        let mut sandbox = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let path = |key: &str| Some(PathBuf::from(strip(&argument, key)?));
            if argument == "--" {
                return Ok((sandbox, arguments.collect()));
            } else if argument == "network" {
                sandbox.network = true;
            } else if argument == "read-only-listed" {
                sandbox.read.get_or_insert_default();
            } else if let Some(path) = path("write=") {
                sandbox.write.push(path);
            } else if let Some(path) = path("read=") {
                sandbox.read.get_or_insert_default().push(path);
            } else {
                return Err(Refused(format!("unknown word {}", argument.display())));
            }
        }
        Err(Refused("there is no command line".to_owned()))
    }
}

#[cfg(unix)]
fn strip(argument: &OsStr, key: &str) -> Option<OsString> {
    use std::os::unix::ffi::OsStrExt as _;
    let rest = argument.as_bytes().strip_prefix(key.as_bytes())?;
    Some(OsStr::from_bytes(rest).to_owned())
}

#[cfg(not(unix))]
fn strip(argument: &OsStr, key: &str) -> Option<OsString> {
    Some(argument.to_str()?.strip_prefix(key)?.into())
}

/// Restricts this process as `arguments` (after the mark) say and lets the command line take its place. Only for
/// the very start of the program, while it has one thread.
///
/// Comes back only when that failed: then nothing was run.
pub fn enter(arguments: impl Iterator<Item = OsString>) -> Refused {
    let (sandbox, line) = match Sandbox::told(arguments) {
        Ok(told) => told,
        Err(refused) => return refused,
    };
    match cage::enter(&sandbox, &line) {
        Ok(never) => match never {},
        Err(reason) => Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_helper_is_told_is_what_it_understands() {
        for sandbox in [
            Sandbox::default(),
            Sandbox {
                write: vec!["/a b".into(), "/c=d".into()],
                read: Some(Vec::new()),
                network: true,
            },
            Sandbox {
                read: Some(vec!["/x".into(), "--".into()]),
                ..Sandbox::default()
            },
        ] {
            let (_, mut arguments) = sandbox.helper();
            assert_eq!(arguments.remove(0), MARK);
            arguments.extend(["sh", "-c", "--", "network"].map(OsString::from));
            let (told, line) = Sandbox::told(arguments.into_iter()).unwrap();
            assert_eq!((told, line.len()), (sandbox, 4));
        }
        let broken = |words: &[&str]| Sandbox::told(words.iter().map(OsString::from)).is_err();
        assert!(broken(&[]) && broken(&["network"]) && broken(&["rad=/", "--"]));
    }
}
