//! The lists that can be opened (reference `tui.md` §10): what is in each, and what choosing does.

pub(crate) mod agents;
pub(crate) mod board;
pub(crate) mod debug;
pub(crate) mod fork;
pub(crate) mod mcp;
pub(crate) mod models;
pub(crate) mod places;
pub(crate) mod plugins;
pub(crate) mod providers;
pub(crate) mod sessions;
pub(crate) mod skills;
pub(crate) mod stash;
pub(crate) mod status;
pub(crate) mod themes;
pub(crate) mod timeline;
pub(crate) mod variants;
pub(crate) mod workspaces;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use opencode_schema::time::Millis;
use opencode_schema::{MessageWithParts, PartBody};

use crate::app::App;
use crate::safe;

/// The words of a prompt, in one line.
fn words_of(message: &MessageWithParts) -> String {
    let texts: Vec<&str> = message
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            PartBody::Text(text) if text.synthetic != Some(true) => Some(text.text.as_str()),
            _ => None,
        })
        .collect();
    safe::line(texts.join(" ").trim()).into_owned()
}

/// A time of the day.
fn hour(zone: &TimeZone, time: Millis) -> String {
    match Timestamp::from_millisecond(time) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%-I:%M %p").to_string(),
        Err(_) => String::new(),
    }
}

/// The day of a time: today, or its date.
fn day(app: &App, time: Millis) -> String {
    let zone = app.settings.zone();
    let date = |time: Millis| {
        let time = Timestamp::from_millisecond(time).ok()?;
        Some(time.to_zoned(zone.clone()).date())
    };
    match date(time) {
        Some(day) if Some(day) == date(app.clock) => app.words.get("list.today").to_owned(),
        Some(day) => day.strftime("%a %b %d %Y").to_string(),
        None => String::new(),
    }
}
