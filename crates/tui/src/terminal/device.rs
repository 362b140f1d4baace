//! The little that a screen needs of a terminal, so that tests can have one in memory.

#[cfg(unix)]
mod unix;

use std::io;

#[cfg(unix)]
pub(crate) use unix::Terminal;

/// A terminal as a device.
pub(crate) trait Device {
    /// Lets keys through as they are, or gives lines back as they were before.
    fn raw(&mut self, on: bool) -> io::Result<()>;

    /// Columns and rows.
    fn size(&self) -> io::Result<(u16, u16)>;

    /// Writes all of these bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Puts the program, and whatever it runs, to sleep until the shell wakes it up. Without job control nothing
    /// happens.
    fn sleep(&mut self) -> io::Result<()>;
}
