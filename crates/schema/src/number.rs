//! How numbers are written.

use serde::Serializer;

/// Writes a whole number without a fraction (`0`, not `0.0`), as JavaScript does, so that costs and
/// limits read the same in both programs' files.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Beyond 2^53 a float no longer holds every whole number, so the integer form would pretend precision.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        serializer.serialize_i64(*value as i64)
    } else {
        serializer.serialize_f64(*value)
    }
}

/// Reads any JSON number.
pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    serde::Deserialize::deserialize(deserializer)
}
