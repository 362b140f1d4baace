//! What the system says of a process.

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Resident bytes.
    pub(super) memory: u64,
    /// Open files and connections.
    pub(super) files: usize,
    /// Threads.
    pub(super) threads: usize,
}

/// What a process holds now; `None` where the system does not say.
pub(super) fn held(id: u32) -> Option<Held> {
    let entries = |what: &str| Some(fs_err::read_dir(format!("/proc/{id}/{what}")).ok()?.count());
    Some(Held {
        memory: status(id, "VmRSS")?,
        files: entries("fd")?,
        threads: entries("task")?,
    })
}

/// Bytes of memory by their name in the status of a process (`VmHWM`: the most so far).
pub(super) fn status(id: u32, name: &str) -> Option<u64> {
    let status = fs_err::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
