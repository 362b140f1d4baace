//! The sandbox of Linux: Landlock and seccomp.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::Sandbox;

/// This very program, even if its file was replaced since it started.
pub(super) const PROGRAM: &str = "/proc/self/exe";

/// Below it, a file outside could still be emptied.
const NEEDED: ABI = ABI::V3;
/// Taken where the system has it: commands to devices, signals, sockets of other programs.
const WANTED: ABI = ABI::V9;

/// What every command expects to be able to write.
const DEVICES: &[&str] = &[
    "/dev/full",
    "/dev/null",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/random",
    "/dev/shm",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
];
/// What every command needs to be able to read.
const SYSTEM: &[&str] = &[
    "/bin",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix",
    "/opt",
    "/proc",
    "/run/current-system",
    "/sbin",
    "/sys",
    "/usr",
];

/// System calls of programs for the mixed form of x86-64 have this bit.
const X32: i64 = 0x4000_0000;

pub(super) fn probe() -> Result<(), String> {
    rules().map_err(|error| format!("Landlock of Linux 6.2 or newer is needed, and active ({error})"))?;
    no_network().map(|_| ())
}

pub(super) fn enter(sandbox: &Sandbox, line: &[OsString]) -> Result<Infallible, String> {
    let [program, arguments @ ..] = line else {
        return Err("there is no command line".to_owned());
    };
    confine(sandbox, program).map_err(|error| error.to_string())?;
    if !sandbox.network {
        let filter = no_network()?;
        seccompiler::apply_filter(&filter).map_err(|error| error.to_string())?;
    }
    let error = Command::new(program).args(arguments).exec();
    Err(format!("{}: {error}", program.display()))
}

/// Rules that allow nothing yet.
fn rules() -> Result<RulesetCreated, landlock::RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()
}

fn confine(sandbox: &Sandbox, program: &OsString) -> Result<(), Box<dyn std::error::Error>> {
    let (all, read) = (AccessFs::from_all(WANTED), AccessFs::from_read(WANTED));
    let mut rules = rules()?
        .add_rules(path_beneath_rules(&sandbox.write, all))?
        .add_rules(path_beneath_rules(DEVICES, all))?;
    rules = match &sandbox.read {
        None => rules.add_rules(path_beneath_rules(["/"], read))?,
        Some(listed) => rules
            .add_rules(path_beneath_rules(SYSTEM, read))?
            .add_rules(path_beneath_rules([program], read))?
            .add_rules(path_beneath_rules(listed, read))?,
    };
    let status = rules.restrict_self()?;
    if status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
        return Err("Landlock is not in force".into());
    }
    Ok(())
}

/// A filter that leaves sockets only to processes of the same cage, in pairs.
///
/// Sockets of this machine are closed, too: what listens there (a container engine, say) does what it is told for
/// everybody, outside of the cage.
fn no_network() -> Result<BpfProgram, String> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|_| format!("the network cannot be taken away on {}", std::env::consts::ARCH))?;
    filter(architecture).map_err(|error| format!("the network cannot be taken away ({error})"))
}

fn filter(architecture: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let unless = |argument, length, value| {
        let condition = SeccompCondition::new(argument, length, SeccompCmpOp::Ne, value)?;
        Ok::<_, seccompiler::BackendError>(vec![SeccompRule::new(vec![condition])?])
    };
    let family = u64::from(libc::AF_UNIX.unsigned_abs());
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::from([
        (libc::SYS_socket, unless(0, SeccompCmpArgLen::Dword, family)?),
        (libc::SYS_connect, Vec::new()),
        // With an address it needs no connection.
        (libc::SYS_sendto, unless(4, SeccompCmpArgLen::Qword, 0)?),
        // These make sockets without any of the calls above.
        (libc::SYS_io_uring_setup, Vec::new()),
        (libc::SYS_io_uring_enter, Vec::new()),
        (libc::SYS_io_uring_register, Vec::new()),
    ]);
    if architecture == TargetArch::x86_64 {
        let mixed: Vec<_> = calls
            .iter()
            .map(|(call, rules)| (call | X32, rules.clone()))
            .collect();
        calls.extend(mixed);
    }
    let denied = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    SeccompFilter::new(calls, SeccompAction::Allow, denied, architecture)?.try_into()
}
