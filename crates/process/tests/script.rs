//! What command lines are taken apart into.

use std::path::Path;
use std::time::{Duration, Instant};

use opencode_process::script::{self, SOURCE_LIMIT, changes_directory, file_argument, file_arguments, parse};
use pretty_assertions::assert_eq;
use proptest::prelude::*;

/// Command line; texts of the commands in it that do more than change the directory; what each begins
/// with. As the reference program asks for them, recorded from it.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const RECORDED: &[Row] = &[
    ("ls -la", &["ls -la"], &["ls *"]),
    ("echo a; echo b", &["echo a", "echo b"], &["echo *"]),
    ("a | b > c", &["a", "b"], &["a *", "b *"]),
    ("echo hi > a.txt; ls", &["echo hi > a.txt", "ls"], &["echo *", "ls *"]),
    ("git status -s && git push --force", &["git status -s", "git push --force"], &["git status *", "git push *"]),
    ("FOO=1 BAR=2 make test", &["FOO=1 BAR=2 make test"], &["make test *"]),
    ("X=1", &[], &[]),
    ("> out.txt", &[], &[]),
    ("[[ -f x ]] && echo y", &["echo y"], &["echo *"]),
    ("export A=1", &[], &[]),
    ("for i in 1 2; do echo $i; done", &["echo $i"], &["echo *"]),
    ("if true; then rm -rf x; fi", &["true", "rm -rf x"], &["true *", "rm *"]),
    ("sleep 30 &", &["sleep 30"], &["sleep *"]),
    ("cat <<EOF > f.txt\nbody $(date)\nEOF", &["cat <<EOF > f.txt\nbody $(date)\nEOF", "date"], &["cat *", "date *"]),
    ("echo $(git log | head -1)", &["echo $(git log | head -1)", "git log", "head -1"], &["echo *", "git log *", "head *"]),
    ("echo `pwd`", &["echo `pwd`", "pwd"], &["echo *", "pwd *"]),
    ("\"my cmd\" arg", &["\"my cmd\" arg"], &["\"my cmd\" *"]),
    ("$CMD arg", &["$CMD arg"], &["$CMD *"]),
    ("npm run test -- --x", &["npm run test -- --x"], &["npm run test *"]),
    ("docker compose up -d", &["docker compose up -d"], &["docker compose up *"]),
    ("sudo rm x", &["sudo rm x"], &["sudo *"]),
    ("cd sub && ls", &["ls"], &["ls *"]),
    ("cd sub", &[], &[]),
    ("pushd x; popd", &[], &[]),
    ("echo \"a b\" c", &["echo \"a b\" c"], &["echo *"]),
    ("(cd x; make)", &["make"], &["make *"]),
    ("{ echo a; echo b; } > f", &["echo a", "echo b"], &["echo *"]),
    ("f() { rm x; }; f", &["rm x", "f"], &["rm *", "f *"]),
    ("time ls", &["time ls"], &["time *"]),
    ("! grep a b", &["grep a b"], &["grep *"]),
    ("echo a 2>&1 | tee log", &["echo a 2>&1", "tee log"], &["echo *", "tee *"]),
    ("echo a >f 2>g", &["echo a >f 2>g"], &["echo *"]),
    ("2>/dev/null ls", &["2>/dev/null ls"], &["ls *"]),
    ("echo \"unterminated", &["echo"], &["echo *"]),
    ("foo(", &["foo"], &["foo *"]),
    ("if", &[], &[]),
    ("git -C /x status", &["git -C /x status"], &["git -C *"]),
    ("ls | wc -l", &["ls", "wc -l"], &["ls *", "wc *"]),
    ("echo $((1+2))", &["echo $((1+2))"], &["echo *"]),
    ("diff <(ls) <(ls x)", &["diff <(ls) <(ls x)", "ls", "ls x"], &["diff *", "ls *"]),
    ("python -c \"print(1)\"", &["python -c \"print(1)\""], &["python -c *"]),
    ("gh pr create --title x", &["gh pr create --title x"], &["gh pr create *"]),
    ("aws s3 ls", &["aws s3 ls"], &["aws s3 ls *"]),
    ("kill -9 1", &["kill -9 1"], &["kill *"]),
    ("   ls   ", &["ls"], &["ls *"]),
    ("# comment", &[], &[]),
    ("echo a\necho b", &["echo a", "echo b"], &["echo *"]),
    ("case x in a) echo 1;; esac", &["echo 1"], &["echo *"]),
    ("while read l; do echo $l; done < f", &["read l", "echo $l"], &["read *", "echo *"]),
    ("echo a && (echo b || echo c)", &["echo a", "echo b", "echo c"], &["echo *"]),
    ("test -f x", &["test -f x"], &["test *"]),
    ("unset X", &[], &[]),
    ("declare -a Y", &[], &[]),
    ("echo 'x y'", &["echo 'x y'"], &["echo *"]),
    ("echo a;b", &["echo a", "b"], &["echo *", "b *"]),
    ("coproc ls", &["coproc ls"], &["coproc *"]),
    ("[ -f x ]", &[], &[]),
    ("a=$(rm x)", &["rm x"], &["rm *"]),
    ("ls *.rs", &["ls *.rs"], &["ls *"]),
    ("echo {a,b}", &["echo {a,b}"], &["echo *"]),
    ("eval \"ls\"", &["eval \"ls\""], &["eval *"]),
    ("source x.sh", &["source x.sh"], &["source *"]),
    (". x.sh", &[". x.sh"], &[". *"]),
    ("echo a > \"$F\"", &["echo a > \"$F\""], &["echo *"]),
    ("cmd <<< \"x\"", &["cmd <<< \"x\""], &["cmd *"]),
    ("select x in a; do echo; done", &["echo"], &["echo *"]),
    ("ls ~", &["ls ~"], &["ls *"]),
    ("cp a b; cp a b", &["cp a b"], &["cp *"]),
    ("30 ls", &["30 ls"], &["30 *"]),
    ("echo é ü", &["echo é ü"], &["echo *"]),
    ("xargs -I{} rm {}", &["xargs -I{} rm {}"], &["xargs *"]),
    ("find . -name \"*.x\" -exec rm {} \\;", &["find . -name \"*.x\" -exec rm {} \\;"], &["find *"]),
    ("a && b || c; d & e", &["a", "b", "c", "d", "e"], &["a *", "b *", "c *", "d *", "e *"]),
    ("echo a |& tee", &["echo a", "tee"], &["echo *", "tee *"]),
    ("git commit -m \"$(cat <<'EOF'\nmsg\nEOF\n)\"", &["git commit -m \"$(cat <<'EOF'\nmsg\nEOF\n)\"", "cat <<'EOF'\nmsg\nEOF"], &["git commit *", "cat *"]),
    ("echo $VAR", &["echo $VAR"], &["echo *"]),
    ("$(which ls) x", &["$(which ls) x", "which ls"], &["$(which ls) *", "which *"]),
    ("ls 2>&1", &["ls 2>&1"], &["ls *"]),
    ("ls >/dev/null 2>&1", &["ls >/dev/null 2>&1"], &["ls *"]),
    ("trap \"rm x\" EXIT", &["trap \"rm x\" EXIT"], &["trap *"]),
    ("bun run x y", &["bun run x y"], &["bun run x *"]),
    ("bun x y z", &["bun x y z"], &["bun x y *"]),
    ("cargo add serde", &["cargo add serde"], &["cargo add serde *"]),
    ("[ a = b ] > f", &[], &[]),
    ("X=1 > f", &["X=1 > f"], &[" *"]),
    ("cat < in > out", &["cat < in > out"], &["cat *"]),
    ("exec > log", &["exec > log"], &["exec *"]),
    ("let x=1", &["let x=1"], &["let *"]),
    ("echo a;;", &["echo a"], &["echo *"]),
    ("}", &["}"], &["} *"]),
    ("echo )", &["echo"], &["echo *"]),
    ("echo \"$(", &["echo"], &["echo *"]),
    ("cat <<EOF\nno end", &["cat"], &["cat *"]),
    ("A=(1 2 3)", &[], &[]),
    ("ssh host \"ls\"", &["ssh host \"ls\""], &["ssh *"]),
    ("\"$HOME/bin/x\" y", &["\"$HOME/bin/x\" y"], &["\"$HOME/bin/x\" *"]),
    ("~/bin/x y", &["~/bin/x y"], &["~/bin/x *"]),
    ("./x.sh a", &["./x.sh a"], &["./x.sh *"]),
    ("echo 1 2 3", &["echo 1 2 3"], &["echo *"]),
    ("tail -n 5 f", &["tail -n 5 f"], &["tail *"]),
    ("\\ls", &["\\ls"], &["\\ls *"]),
    ("command ls", &["command ls"], &["command *"]),
    ("printf \"%s\\n\" a", &["printf \"%s\\n\" a"], &["printf *"]),
    ("echo a>b", &["echo a>b"], &["echo *"]),
    ("ls &&", &["ls", ""], &["ls *", " *"]),
    ("echo \"a\" | sed \"s/a/b/\" | awk \"{print \\$1}\"", &["echo \"a\"", "sed \"s/a/b/\"", "awk \"{print \\$1}\""], &["echo *", "sed *", "awk *"]),
    ("mkdir -p a/b && touch a/b/c", &["mkdir -p a/b", "touch a/b/c"], &["mkdir *", "touch *"]),
    (">f echo hi", &[">f echo hi"], &["echo *"]),
];

fn asked(source: &str) -> (Vec<String>, Vec<String>) {
    let (mut sources, mut prefixes) = (Vec::new(), Vec::new());
    for command in parse(source).commands {
        if changes_directory(&command.words) {
            continue;
        }
        let prefix = format!("{} *", script::prefix(&command.words).join(" "));
        if !sources.contains(&command.source) {
            sources.push(command.source);
        }
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }
    (sources, prefixes)
}

#[test]
fn commands_are_those_that_the_reference_asks_for() {
    for (source, sources, prefixes) in RECORDED {
        let (ours, our_prefixes) = asked(source);
        assert_eq!(ours, *sources, "commands of {source:?}");
        assert_eq!(our_prefixes, *prefixes, "prefixes of {source:?}");
    }
}

#[test]
fn what_the_grammar_does_not_know_is_told() {
    for (source, complete) in [
        ("ls -la", true),
        ("", true),
        ("  # nothing", true),
        ("X=1", true),
        ("echo a > b", true),
        ("if", false),
        ("echo )", false),
        ("echo \"unterminated", false),
        ("ls &&", false),
        // Changes a file, and no command stands for it.
        ("> out.txt", false),
    ] {
        assert_eq!(parse(source).complete, complete, "{source:?}");
    }
}

#[test]
fn file_arguments_are_those_of_known_commands() {
    let rows: &[(&[&str], &[&str])] = &[
        (&["cat", "a", "-n", "b"], &["a", "b"]),
        (&["chmod", "+x", "-R", "755", "f"], &["755", "f"]),
        (&["touch", "+x"], &["+x"]),
        (&["cd"], &[]),
        (&["pushd", "/x"], &["/x"]),
        (&["ls", "/x"], &[]),
        (&["CAT", "/x"], &[]),
        (&[], &[]),
    ];
    for (words, wanted) in rows {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(file_arguments(&words).collect::<Vec<_>>(), *wanted, "{words:?}");
    }
}

#[test]
fn file_argument_says_what_the_text_tells() {
    for (argument, wanted) in [
        ("a/b.txt", Some("a/b.txt")),
        ("\"a b\"", Some("a b")),
        ("'a b'", Some("a b")),
        ("\"half", Some("\"half")),
        ("\"", Some("\"")),
        ("\"\"", None),
        ("", None),
        ("~", Some("/home/me")),
        ("~/x", Some("/home/me/x")),
        ("~//etc", Some("/home/me/etc")),
        ("\"~/x\"", Some("/home/me/x")),
        ("~you/x", Some("~you/x")),
        ("/a/*.txt", Some("/a/")),
        ("/a/b?", Some("/a/b")),
        ("/a/[xy]", Some("/a/")),
        ("*", None),
        ("$HOME/x", None),
        ("/a/$(b)", None),
        ("/a/`b`", None),
        ("(a", None),
        ("@(a)", None),
        // Cut before it is seen that the rest is the shell's business.
        ("/a/*$x", Some("/a/")),
    ] {
        assert_eq!(
            file_argument(argument, Path::new("/home/me")).as_deref(),
            wanted,
            "{argument:?}"
        );
    }
}

#[test]
fn absurd_input_costs_little() {
    let deep = |open: &str, close: &str, levels: usize| open.repeat(levels) + "rm x" + &close.repeat(levels);
    let rows = [
        ("one megabyte", "a".repeat(1 << 20)),
        ("many commands", "rm x;".repeat(SOURCE_LIMIT / 5)),
        ("deep substitution", deep("echo $(", ")", 30_000)),
        ("deep subshells", deep("(", ")", 100_000)),
        ("deep blocks", deep("if ", "; then x; fi", 15_000)),
        ("open quotes", "\"$(".repeat(80_000)),
        ("open documents", "cat <<E\n".repeat(30_000)),
        ("open braces", "${".repeat(120_000)),
        ("redirections", ">a ".repeat(80_000)),
    ];
    for (name, source) in rows {
        let start = Instant::now();
        let script = parse(&source);
        let taken: usize = script.commands.iter().map(|command| command.source.len()).sum();
        assert!(taken <= 5 << 20, "{name}: {taken} bytes");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{name}: {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn braces_before_rare_characters_are_harmless() {
    // Each of these ended the process once.
    for source in [
        "{\u{31860}",
        "echo {12\u{31860}",
        "{1..\u{10ffff}}",
        "a {1..2\u{2ffff}} {\u{1f600}; rm x; }",
    ] {
        let script = parse(source);
        assert!(
            script
                .commands
                .iter()
                .all(|command| source.contains(&command.source)),
            "{source:?}"
        );
    }
    assert_eq!(asked("echo {\u{1f600},b} c").0, ["echo {\u{1f600},b} c"]);
}

proptest! {
    #[test]
    fn any_text_is_taken_apart(source in "\\PC{0,200}") {
        let script = parse(&source);
        prop_assert!(script.commands.iter().all(|command| source.contains(&command.source)));
    }

    #[test]
    fn any_shell_like_text_is_taken_apart(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "rm", "cat", "echo", " ", " ", "\n", ";", "&&", "|", "&", "(", ")", "{", "}", "$(", "`", "\"", "'",
                "<<EOF\n", "EOF\n", ">", "<", "2>&1", "$x", "${", "*", "~/", "if", "then", "fi", "for", "do",
                "done", "case", "esac", "in", "[[", "]]", "((", "))", "\\", "#", "é", "\0", "!", "=", "a=",
                "\u{31860}", "{\u{1f600}", "1", "..",
            ]),
            0..60,
        )
    ) {
        let source: String = tokens.concat();
        for command in parse(&source).commands {
            prop_assert!(source.contains(&command.source));
            prop_assert!(script::prefix(&command.words).len() <= command.words.len());
            for argument in file_arguments(&command.words) {
                prop_assert!(file_argument(argument, Path::new("/h")).is_none_or(|path| !path.is_empty()));
            }
        }
    }
}
