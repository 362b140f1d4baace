//! Packs the contract, which is looked into only when somebody asks for `/doc`.

use std::io::Write;
use std::path::Path;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=contract/openapi.json");
    let contract = fs_err::read("contract/openapi.json")?;
    let folder = std::env::var_os("OUT_DIR").ok_or_else(|| std::io::Error::other("cargo names a folder"))?;
    let packed = fs_err::File::create(Path::new(&folder).join("openapi.json.gz"))?;
    let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::best());
    encoder.write_all(&contract)?;
    encoder.finish()?;
    Ok(())
}
