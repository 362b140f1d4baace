//! Packs a catalogue document (`api.json`) into the form that the program carries:
//!
//! ```text
//! cargo run -p opencode-catalog --example snapshot -- api.json crates/catalog/data/models.bin
//! ```
#![allow(clippy::print_stderr, reason = "a command for developers")]

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        return Err(std::io::Error::other("usage: snapshot <api.json> <models.bin>"));
    };
    let packed = opencode_catalog::snapshot::pack(&fs_err::read(from)?)?;
    fs_err::write(&to, &packed)?;
    eprintln!("{}: {} bytes", to.display(), packed.len());
    Ok(())
}
