//! What «always» could allow: steps of sensible breadth, from the object itself to everything that is still
//! harmless to allow at once. Pure.

/// Programs that run others, or undo what cannot be made again: never suggested as a whole.
const NEVER_WHOLE: &[&str] = &[
    "bash", "chmod", "chown", "command", "curl", "dd", "doas", "env", "eval", "exec", "find", "kill", "mkfs",
    "mv", "nice", "node", "nohup", "npx", "perl", "python", "python3", "rm", "rmdir", "ruby", "sed", "sh",
    "shred", "ssh", "su", "sudo", "time", "timeout", "tee", "truncate", "wget", "xargs", "zsh",
];
/// Steps at most.
const STEPS: usize = 4;

/// The steps for a question. `always` is what the tool itself proposes, and stands among them.
pub(crate) fn steps(permission: &str, patterns: &[String], always: &[String]) -> Vec<Vec<String>> {
    let literal: Option<Vec<String>> = patterns
        .iter()
        // A `?` stands for any one character, which does no harm.
        .map(|pattern| (!pattern.contains('*')).then(|| pattern.clone()))
        .collect();
    let wider: Vec<Vec<String>> = match permission {
        "bash" => vec![always.to_vec(), whole_programs(always)],
        "edit" | "read" => vec![each(patterns, folder), each(patterns, ending), always.to_vec()],
        "webfetch" => vec![each(patterns, host), always.to_vec()],
        _ => vec![always.to_vec()],
    };
    let mut steps: Vec<Vec<String>> = Vec::new();
    for mut step in literal.into_iter().chain(wider) {
        let mut seen = std::collections::HashSet::new();
        step.retain(|pattern| seen.insert(pattern.clone()));
        if !step.is_empty() && !steps.contains(&step) && steps.len() < STEPS {
            steps.push(step);
        }
    }
    steps
}

/// A step of what each pattern becomes; none when one becomes nothing.
fn each(patterns: &[String], wider: fn(&str) -> Option<String>) -> Vec<String> {
    let all: Option<Vec<String>> = patterns.iter().map(|pattern| wider(pattern)).collect();
    all.unwrap_or_default()
}

/// `git status *` as `git *`; nothing when a program had better not be allowed as a whole.
fn whole_programs(always: &[String]) -> Vec<String> {
    let whole: Option<Vec<String>> = always
        .iter()
        .map(|pattern| {
            let program = pattern.strip_suffix(" *")?.split(' ').next()?;
            let name = program.rsplit('/').next().unwrap_or(program);
            let plain = name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'));
            (plain && !name.is_empty() && !NEVER_WHOLE.contains(&name)).then(|| format!("{program} *"))
        })
        .collect();
    whole.unwrap_or_default()
}

/// `src/a/b.rs` as `src/a/*`.
fn folder(path: &str) -> Option<String> {
    let (folder, _) = path.rsplit_once('/')?;
    (!folder.is_empty() && !path.contains(['*', '?'])).then(|| format!("{folder}/*"))
}

/// `src/a/b.rs` as `*.rs`.
fn ending(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, ending) = name.rsplit_once('.')?;
    let plain = !ending.is_empty() && ending.chars().all(|c| c.is_ascii_alphanumeric());
    (plain && !stem.is_empty() && ending != "env").then(|| format!("*.{ending}"))
}

/// `https://host/a?b` as `https://host/*`.
fn host(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    // A name before the host would let `https://good@bad/` pass for `good`.
    (!host.is_empty() && !host.contains(['@', '*'])).then(|| format!("{scheme}://{host}/*"))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn table() {
        let own = |all: &[&str]| -> Vec<String> { all.iter().map(|text| (*text).to_owned()).collect() };
        for (permission, patterns, always, wanted) in [
            (
                "bash",
                &["git status -s"][..],
                &["git status *"][..],
                &[&["git status -s"][..], &["git status *"], &["git *"]][..],
            ),
            (
                "bash",
                &["cargo test -p x", "ls"],
                &["cargo test *", "ls *"],
                &[
                    &["cargo test -p x", "ls"],
                    &["cargo test *", "ls *"],
                    &["cargo *", "ls *"],
                ],
            ),
            ("bash", &["rm -rf x"], &["rm *"], &[&["rm -rf x"], &["rm *"]]),
            (
                "bash",
                &["ls", "sudo ls"],
                &["ls *", "sudo *"],
                &[&["ls", "sudo ls"], &["ls *", "sudo *"]],
            ),
            // A star in a command line is not meant as a pattern, and must not become one.
            ("bash", &["ls *.rs"], &["ls *"], &[&["ls *"]]),
            ("bash", &["> x"], &["> x"], &[&["> x"]]),
            (
                "edit",
                &["src/a.rs", "src/b.rs"],
                &["*"],
                &[&["src/a.rs", "src/b.rs"], &["src/*"], &["*.rs"], &["*"]],
            ),
            ("read", &["a/.env"], &["*"], &[&["a/.env"], &["a/*"], &["*"]]),
            (
                "webfetch",
                &["https://a.org/x?y"],
                &["*"],
                &[&["https://a.org/x?y"], &["https://a.org/*"], &["*"]],
            ),
            (
                "webfetch",
                &["https://a.org@evil/"],
                &["*"],
                &[&["https://a.org@evil/"], &["*"]],
            ),
            ("external_directory", &["/etc/*"], &["/etc/*"], &[&["/etc/*"]]),
        ] {
            let wanted: Vec<Vec<String>> = wanted.iter().map(|step| own(step)).collect();
            assert_eq!(
                steps(permission, &own(patterns), &own(always)),
                wanted,
                "{permission} {patterns:?}"
            );
        }
    }
}
