//! Where there is no sandbox.

use std::convert::Infallible;
use std::ffi::OsString;

use super::Sandbox;

const REASON: &str = "it needs Linux";

pub(super) const PROGRAM: &str = "";

pub(super) fn probe() -> Result<(), String> {
    Err(REASON.to_owned())
}

pub(super) fn enter(_: &Sandbox, _: &[OsString]) -> Result<Infallible, String> {
    Err(REASON.to_owned())
}
