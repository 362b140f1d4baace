//! How the program names itself to providers (reference `providers.md` §9.5).

/// The value of `User-Agent`.
pub(crate) fn of(provider_id: &str, version: &str) -> String {
    let plain = format!("opencode/{version}");
    if provider_id == "openai" {
        format!("{plain} ({})", system())
    } else {
        plain
    }
}

/// The value for GitLab's gateway, which also hears of the package that is spoken for.
pub(crate) fn of_gitlab(version: &str) -> String {
    format!("opencode/{version} gitlab-ai-provider/6.18.0 ({})", system())
}

/// `linux 6.1.0; x64`, in the words of Node.
fn system() -> String {
    let names = rustix::system::uname();
    let release = names.release().to_string_lossy();
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        architecture => architecture,
    };
    format!("{os} {release}; {architecture}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_provider_is_told_of_the_system() {
        assert_eq!(of("anthropic", "1.2.3"), "opencode/1.2.3");
        let openai = of("openai", "1.2.3");
        let inner = openai
            .strip_prefix("opencode/1.2.3 (")
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap();
        let (system, architecture) = inner.split_once("; ").unwrap();
        assert!(
            system.split(' ').all(|word| !word.is_empty()) && !architecture.is_empty(),
            "{openai}"
        );
    }
}
