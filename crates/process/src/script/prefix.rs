//! How many words of a command name what it does (reference `tools.md` §3, bash, «Prefix table»).
//!
//! «Always allow» is offered for these words and any arguments after them: `git push` and not `git`,
//! `npm run test` and not `npm run`.

/// The words of a command that name what it does, by the longest entry of the table that it begins
/// with; the first word when there is none.
#[must_use]
pub fn prefix(words: &[String]) -> &[String] {
    let kept = (1..=words.len().min(LONGEST_KEY)).rev().find_map(|length| {
        let key = words.get(..length)?.join(" ");
        kept_of(&key)
    });
    words
        .get(..kept.unwrap_or(1).min(words.len()))
        .unwrap_or_default()
}

/// Words of the longest key.
const LONGEST_KEY: usize = 2;

fn kept_of(key: &str) -> Option<usize> {
    [(ONE, 1), (TWO, 2), (THREE, 3)]
        .into_iter()
        .find_map(|(keys, kept)| keys.contains(&key).then_some(kept))
}

/// Plain commands: the first word says it.
const ONE: &[&str] = &[
    "cat", "cd", "chmod", "chown", "cp", "echo", "env", "export", "grep", "kill", "killall", "ln", "ls",
    "mkdir", "mv", "ps", "pwd", "rm", "rmdir", "sleep", "source", "tail", "touch", "unset", "which",
];

/// Commands with a subcommand.
const TWO: &[&str] = &[
    "bazel",
    "brew",
    "bun",
    "cargo",
    "cdk",
    "cf",
    "cmake",
    "composer",
    "consul",
    "crictl",
    "deno",
    "docker",
    "eksctl",
    "firebase",
    "flyctl",
    "git",
    "go",
    "gradle",
    "helm",
    "heroku",
    "hugo",
    "ip",
    "kind",
    "kubectl",
    "kustomize",
    "make",
    "mc",
    "minikube",
    "mongosh",
    "mysql",
    "mvn",
    "ng",
    "npm",
    "nvm",
    "nx",
    "openssl",
    "pip",
    "pipenv",
    "pnpm",
    "podman",
    "poetry",
    "psql",
    "pulumi",
    "pyenv",
    "python",
    "rake",
    "rbenv",
    "redis-cli",
    "rustup",
    "serverless",
    "skaffold",
    "sls",
    "sst",
    "swift",
    "systemctl",
    "terraform",
    "tmux",
    "turbo",
    "ufw",
    "vault",
    "vercel",
    "volta",
    "wp",
    "yarn",
];

/// Commands whose subcommand has one of its own.
const THREE: &[&str] = &[
    "aws",
    "az",
    "bun run",
    "bun x",
    "cargo add",
    "cargo run",
    "consul kv",
    "deno task",
    "docker builder",
    "docker compose",
    "docker container",
    "docker image",
    "docker network",
    "docker volume",
    "doctl",
    "eksctl create",
    "gcloud",
    "gh",
    "git config",
    "git remote",
    "git stash",
    "ip addr",
    "ip link",
    "ip netns",
    "ip route",
    "kind create",
    "kubectl kustomize",
    "kubectl rollout",
    "mc admin",
    "npm exec",
    "npm init",
    "npm run",
    "npm view",
    "openssl req",
    "openssl x509",
    "pnpm dlx",
    "pnpm exec",
    "pnpm run",
    "podman container",
    "podman image",
    "pulumi stack",
    "sfdx",
    "terraform workspace",
    "vault auth",
    "vault kv",
    "yarn dlx",
    "yarn run",
];
