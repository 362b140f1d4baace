//! Names of two words for sessions.

const ADJECTIVES: [&str; 64] = [
    "amber", "ample", "arctic", "azure", "bold", "brave", "brisk", "broad", "calm", "candid", "clever",
    "coral", "cosmic", "crisp", "daring", "deft", "eager", "early", "fabled", "fair", "fleet", "fond",
    "fresh", "gentle", "gilded", "glad", "golden", "grand", "hardy", "humble", "ivory", "jade", "jolly",
    "keen", "kind", "lively", "lucid", "lunar", "mellow", "merry", "mighty", "misty", "modest", "noble",
    "olive", "patient", "plucky", "proud", "quick", "quiet", "rapid", "rustic", "sage", "serene", "silver",
    "sleek", "solar", "steady", "sunny", "swift", "tidy", "vivid", "warm", "witty",
];

const NOUNS: [&str; 64] = [
    "anchor", "aspen", "badger", "beacon", "birch", "bison", "breeze", "brook", "canyon", "cedar", "comet",
    "condor", "cove", "crane", "delta", "dune", "ember", "falcon", "fern", "finch", "fjord", "forest",
    "garden", "glacier", "grove", "harbor", "hawk", "heron", "island", "lagoon", "lantern", "lark", "lynx",
    "maple", "marsh", "meadow", "meteor", "nebula", "oasis", "orchid", "otter", "owl", "panda", "pebble",
    "pine", "planet", "prairie", "quartz", "raven", "reef", "ridge", "river", "sparrow", "spruce", "summit",
    "thicket", "tide", "tiger", "valley", "violet", "walnut", "willow", "wolf", "zephyr",
];

/// A name such as `calm-otter`. Names may repeat; ids tell sessions apart.
#[must_use]
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 2];
    // Without randomness every session is called the same, which does no harm.
    let _ = getrandom::fill(&mut bytes);
    let pick = |words: &[&'static str; 64], byte: u8| words[usize::from(byte) % 64];
    format!("{}-{}", pick(&ADJECTIVES, bytes[0]), pick(&NOUNS, bytes[1]))
}
