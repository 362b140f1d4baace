//! The formatters of the program (reference `integrations.md` §C).

/// A formatter of the program.
#[derive(Debug)]
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    /// Ends of names of files without dots, between blanks.
    pub(super) extensions: &'static str,
    /// Its arguments, between blanks.
    pub(super) arguments: &'static str,
    pub(super) needs: Need,
    /// It ends with 1 when it did its work and there is more to complain about.
    pub(super) complains: bool,
}

/// What must be there.
#[derive(Debug)]
pub(super) enum Need {
    /// A program of the same name.
    Program,
    /// A program, and one of these files in the folder or above.
    Above(&'static [&'static str]),
    /// A package of npm, and one of these files in the folder or above.
    File {
        files: &'static [&'static str],
        package: &'static str,
    },
    /// A package of npm that a `package.json` in the folder or above lists.
    Listed { package: &'static str },
    /// As [`Need::Listed`], and an experiment that is on.
    Experiment { package: &'static str },
    /// The program that PHP's package manager puts into the folder.
    Vendor {
        package: &'static str,
        program: &'static str,
    },
    /// A program that says of itself that it is a formatter: other programs have its name.
    SaysSo,
    /// Python's first choice: a program, and a project that means it.
    Ruff,
    /// Python's second choice, when the first is not there: a program that can format.
    Uv,
}

const WEB: &str = "js jsx mjs cjs ts tsx mts cts html htm css scss sass less vue svelte json jsonc yaml yml toml \
    xml md mdx graphql gql";
const RUBY: &str = "rb rake gemspec ru";
const SCRIPTS: &str = "js jsx mjs cjs ts tsx mts cts";
const C: &str = "c cc cpp cxx c++ h hh hpp hxx h++ ino C H";

const fn row(name: &'static str, extensions: &'static str, arguments: &'static str, needs: Need) -> BuiltIn {
    BuiltIn {
        name,
        extensions,
        arguments,
        needs,
        complains: false,
    }
}

const fn complaining(name: &'static str, extensions: &'static str, arguments: &'static str) -> BuiltIn {
    BuiltIn {
        complains: true,
        ..row(name, extensions, arguments, Need::Program)
    }
}

const BIOME: Need = Need::File {
    files: &["biome.json", "biome.jsonc"],
    package: "@biomejs/biome",
};
const PINT: Need = Need::Vendor {
    package: "laravel/pint",
    program: "vendor/bin/pint",
};

/// In the order in which they are listed and run.
pub(super) static BUILT_IN: &[BuiltIn] = &[
    row("zig", "zig zon", "fmt $FILE", Need::Program),
    row("uv", "py pyi", "format -- $FILE", Need::Uv),
    row("terraform", "tf tfvars", "fmt $FILE", Need::Program),
    complaining("standardrb", RUBY, "--fix $FILE"),
    row("shfmt", "sh bash", "-w $FILE", Need::Program),
    row("rustfmt", "rs", "$FILE", Need::Program),
    row("ruff", "py pyi", "format $FILE", Need::Ruff),
    complaining("rubocop", RUBY, "--autocorrect $FILE"),
    row("air", "R", "format $FILE", Need::SaysSo),
    row(
        "prettier",
        WEB,
        "--write $FILE",
        Need::Listed { package: "prettier" },
    ),
    row("pint", "php", "$FILE", PINT),
    row("oxfmt", SCRIPTS, "$FILE", Need::Experiment { package: "oxfmt" }),
    row("ormolu", "hs", "-i $FILE", Need::Program),
    row(
        "ocamlformat",
        "ml mli",
        "-i $FILE",
        Need::Above(&[".ocamlformat"]),
    ),
    row("nixfmt", "nix", "$FILE", Need::Program),
    row(
        "mix",
        "ex exs eex heex leex neex sface",
        "format $FILE",
        Need::Program,
    ),
    row("latexindent", "tex", "-w -s $FILE", Need::Program),
    complaining("ktlint", "kt kts", "-F $FILE"),
    row("htmlbeautifier", "erb html.erb", "$FILE", Need::Program),
    row("gofmt", "go", "-w $FILE", Need::Program),
    row("gleam", "gleam", "format $FILE", Need::Program),
    row("dfmt", "d", "-i $FILE", Need::Program),
    row("dart", "dart", "format $FILE", Need::Program),
    row("cljfmt", "clj cljs cljc edn", "fix --quiet $FILE", Need::Program),
    row("clang-format", C, "-i $FILE", Need::Above(&[".clang-format"])),
    row("biome", WEB, "format --write $FILE", BIOME),
];
