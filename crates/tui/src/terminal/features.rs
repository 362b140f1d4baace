//! What can be known of a terminal before it is asked: from the environment.

use opencode_config::Environment;

use super::color::Depth;
use super::sequence::{through_screen, through_tmux};

/// What a terminal is and can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Features {
    /// Its colours.
    pub(crate) depth: Depth,
    /// Whether questions are safe: consoles that do not know them print them.
    pub(crate) answers: bool,
    /// What stands between it and the program.
    pub(crate) multiplexer: Option<Multiplexer>,
    /// The sequence of its notifications.
    pub(crate) notifications: Notifications,
}

/// A program that has several terminals in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Multiplexer {
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
}

/// Sequences that show a notification of the system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Notifications {
    /// iTerm's, which most know.
    #[default]
    Osc9,
    /// urxvt's and foot's, with a title.
    Osc777,
    /// kitty's.
    Osc99,
}

impl Features {
    /// What the environment tells.
    pub(crate) fn of(environment: &Environment) -> Self {
        let get = |name: &str| environment.get(name).unwrap_or_default();
        let is_set = |name: &str| !get(name).is_empty();
        let terminal = get("TERM");
        let multiplexer = match () {
            () if is_set("TMUX") => Some(Multiplexer::Tmux),
            () if is_set("STY") || terminal.starts_with("screen") => Some(Multiplexer::Screen),
            () => None,
        };
        let is_kitty = is_set("KITTY_WINDOW_ID") || terminal.contains("kitty");
        let notifications = match () {
            () if is_kitty => Notifications::Osc99,
            () if ["foot", "rxvt", "ghostty"]
                .iter()
                .any(|name| terminal.contains(name)) =>
            {
                Notifications::Osc777
            }
            () => Notifications::Osc9,
        };
        Self {
            depth: depth(environment),
            answers: !matches!(terminal, "linux" | "dumb" | ""),
            multiplexer,
            notifications,
        }
    }

    /// A sequence for the terminal itself, whatever stands between.
    pub(crate) fn outward(self, sequence: &str) -> String {
        match self.multiplexer {
            Some(Multiplexer::Tmux) => through_tmux(sequence),
            Some(Multiplexer::Screen) => through_screen(sequence),
            None => sequence.to_owned(),
        }
    }
}

fn depth(environment: &Environment) -> Depth {
    const TRUE: [&str; 8] = [
        "direct",
        "kitty",
        "ghostty",
        "alacritty",
        "wezterm",
        "foot",
        "contour",
        "rio",
    ];
    let get = |name: &str| environment.get(name).unwrap_or_default();
    let (terminal, program) = (get("TERM"), get("TERM_PROGRAM"));
    if !get("NO_COLOR").is_empty() || terminal == "dumb" {
        return Depth::None;
    }
    let is_true = matches!(get("COLORTERM"), "truecolor" | "24bit")
        || TRUE.iter().any(|name| terminal.contains(name))
        || matches!(
            program,
            "iTerm.app" | "vscode" | "WezTerm" | "ghostty" | "Hyper" | "WarpTerminal"
        )
        || !get("WT_SESSION").is_empty();
    match () {
        () if is_true => Depth::True,
        () if terminal.contains("256") || program == "Apple_Terminal" => Depth::Palette,
        () if cfg!(windows) => Depth::True,
        () => Depth::Sixteen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Depth);

    fn features(variables: &[(&str, &str)]) -> Features {
        let variables = variables.iter();
        let environment = variables
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Environment>();
        Features::of(&environment)
    }

    #[test]
    fn colours_are_known_from_the_environment() {
        let cases: [Case<'_>; 9] = [
            ("plain xterm", &[("TERM", "xterm")], Depth::Sixteen),
            ("256", &[("TERM", "xterm-256color")], Depth::Palette),
            (
                "in tmux",
                &[("TERM", "tmux-256color"), ("TMUX", "x")],
                Depth::Palette,
            ),
            (
                "said so",
                &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")],
                Depth::True,
            ),
            ("known", &[("TERM", "xterm-ghostty")], Depth::True),
            (
                "not wanted",
                &[("TERM", "xterm-kitty"), ("NO_COLOR", "1")],
                Depth::None,
            ),
            (
                "wanted after all",
                &[("TERM", "xterm-kitty"), ("NO_COLOR", "")],
                Depth::True,
            ),
            (
                "dumb",
                &[("TERM", "dumb"), ("COLORTERM", "truecolor")],
                Depth::None,
            ),
            (
                "a program",
                &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "vscode")],
                Depth::True,
            ),
        ];
        for (name, variables, expected) in cases {
            assert_eq!(features(variables).depth, expected, "{name}");
        }
    }

    #[test]
    fn what_stands_between_is_known() {
        let tmux = features(&[
            ("TERM", "tmux-256color"),
            ("TMUX", "/tmp/tmux"),
            ("KITTY_WINDOW_ID", "1"),
        ]);
        assert_eq!(tmux.multiplexer, Some(Multiplexer::Tmux));
        assert_eq!(tmux.notifications, Notifications::Osc99);
        assert_eq!(tmux.outward("\x1b[c"), "\x1bPtmux;\x1b\x1b[c\x1b\\");
        assert_eq!(
            features(&[("TERM", "screen-256color")]).multiplexer,
            Some(Multiplexer::Screen)
        );
        let console = features(&[("TERM", "linux")]);
        assert!(!console.answers);
        assert_eq!(console.outward("x"), "x");
    }
}
