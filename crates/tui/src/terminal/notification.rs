//! Notifications of the system, by the terminal that shows them (reference `tui.md` §14).

use opencode_config::tui::Attention;

use super::features::{Features, Notifications};
use super::sequence::plain;

/// What is done so that the user sees that something waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Call {
    /// A notification of the system.
    pub(crate) notification: bool,
    /// A sound.
    pub(crate) sound: bool,
}

/// How the user is called, as configuration says. Whether the terminal has the keyboard is known once it has told
/// so; until then it is taken to be looked at. Sessions of subagents are heard and not shown.
pub(crate) fn call(attention: &Attention, focused: Option<bool>, is_child: bool) -> Call {
    Call {
        notification: attention.enabled && attention.notifications && focused == Some(false) && !is_child,
        sound: attention.enabled && attention.sound,
    }
}

/// The longest message and title, in characters.
const MESSAGE_LIMIT: usize = 240;
const TITLE_LIMIT: usize = 80;

/// The sequence that shows a notification. Whether one is wanted is the business of `attention`.
pub(crate) fn sequence(features: Features, title: &str, message: &str) -> String {
    let (title, message) = (plain(title, TITLE_LIMIT), plain(message, MESSAGE_LIMIT));
    let sequence = match features.notifications {
        Notifications::Osc9 if title.is_empty() => format!("\x1b]9;{message}\x07"),
        Notifications::Osc9 => format!("\x1b]9;{title}: {message}\x07"),
        // The parts of this one are told apart by semicolons.
        Notifications::Osc777 => format!(
            "\x1b]777;notify;{};{}\x07",
            title.replace(';', ","),
            message.replace(';', ",")
        ),
        Notifications::Osc99 => {
            format!(
                "\x1b]99;i=opencode:d=0:p=title;{title}\x1b\\\x1b]99;i=opencode:d=1:p=body;{message}\x1b\\"
            )
        }
    };
    features.outward(&sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::features::Multiplexer;

    #[test]
    fn the_user_is_called_as_configured() {
        let of = |enabled, notifications, sound| Attention {
            enabled,
            notifications,
            sound,
            ..Attention::default()
        };
        let call = |attention, focused, is_child| {
            let Call { notification, sound } = call(&attention, focused, is_child);
            (notification, sound)
        };
        let cases = [
            (
                "off",
                call(of(false, true, true), Some(false), false),
                (false, false),
            ),
            (
                "looked away",
                call(of(true, true, true), Some(false), false),
                (true, true),
            ),
            (
                "looked at",
                call(of(true, true, true), Some(true), false),
                (false, true),
            ),
            (
                "not known",
                call(of(true, true, true), None, false),
                (false, true),
            ),
            (
                "a subagent",
                call(of(true, true, true), Some(false), true),
                (false, true),
            ),
            (
                "sounds only",
                call(of(true, false, true), Some(false), false),
                (false, true),
            ),
            (
                "notifications only",
                call(of(true, true, false), Some(false), false),
                (true, false),
            ),
        ];
        for (name, called, expected) in cases {
            assert_eq!(called, expected, "{name}");
        }
    }

    #[test]
    fn every_terminal_gets_its_own() {
        let of = |notifications| Features {
            notifications,
            ..Features::default()
        };
        let cases = [
            (of(Notifications::Osc9), "T", "a\x07b\x1b]", "\x1b]9;T: ab]\x07"),
            (of(Notifications::Osc9), "", "m", "\x1b]9;m\x07"),
            (
                of(Notifications::Osc777),
                "T;x",
                "m;n",
                "\x1b]777;notify;T,x;m,n\x07",
            ),
            (
                of(Notifications::Osc99),
                "T",
                "m",
                "\x1b]99;i=opencode:d=0:p=title;T\x1b\\\x1b]99;i=opencode:d=1:p=body;m\x1b\\",
            ),
            (
                Features {
                    multiplexer: Some(Multiplexer::Tmux),
                    ..of(Notifications::Osc9)
                },
                "T",
                "m",
                "\x1bPtmux;\x1b\x1b]9;T: m\x07\x1b\\",
            ),
        ];
        for (features, title, message, expected) in cases {
            assert_eq!(sequence(features, title, message), expected);
        }
        let long = sequence(of(Notifications::Osc9), "", &"x".repeat(1000));
        assert_eq!(long.matches('x').count(), MESSAGE_LIMIT);
    }
}
