//! What was switched: `kv.json` (reference `tui.md` §13). Keys that this version does not know stay.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What was switched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Switches {
    pub(crate) sidebar_hidden: bool,
    pub(crate) thinking: bool,
    pub(crate) timestamps: bool,
    pub(crate) tool_details: bool,
    pub(crate) assistant_metadata: bool,
    pub(crate) scrollbar: bool,
    pub(crate) diff_wrap: bool,
    pub(crate) animations: bool,
    pub(crate) generic_tool_output: bool,
    pub(crate) tips_hidden: bool,
    pub(crate) paste_summary: bool,
    pub(crate) file_context: bool,
    pub(crate) terminal_title: bool,
    pub(crate) session_directory_filter: bool,
    pub(crate) share_consent: bool,
    pub(crate) dismissed_getting_started: bool,
    /// The panel of keys lies over the screen instead of below it.
    pub(crate) which_key_overlay: bool,
    pub(crate) which_key_preview: bool,
    pub(crate) theme: Option<String>,
    pub(crate) theme_mode_lock: Option<String>,
    /// Plugins of the interface, whether they are on.
    pub(crate) plugin_enabled: BTreeMap<String, bool>,
    others: Map<String, Value>,
}

impl Switches {
    pub(crate) fn parse(text: &str) -> Self {
        let others: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        let is = |key: &str, default: bool| others.get(key).and_then(Value::as_bool).unwrap_or(default);
        let says = |key: &str, word: &str| others.get(key).and_then(Value::as_str) == Some(word);
        Self {
            sidebar_hidden: says("sidebar", "hide"),
            thinking: says("thinking_mode", "show"),
            timestamps: says("timestamps", "show"),
            tool_details: is("tool_details_visibility", true),
            assistant_metadata: is("assistant_metadata_visibility", true),
            scrollbar: is("scrollbar_visible", false),
            diff_wrap: !says("diff_wrap_mode", "none"),
            animations: is("animations_enabled", true),
            generic_tool_output: is("generic_tool_output_visibility", false),
            tips_hidden: is("tips_hidden", false),
            paste_summary: is("paste_summary_enabled", true),
            file_context: is("file_context_enabled", true),
            terminal_title: is("terminal_title_enabled", true),
            session_directory_filter: is("session_directory_filter_enabled", true),
            share_consent: is("share_consent", false),
            dismissed_getting_started: is("dismissed_getting_started", false),
            which_key_overlay: says("which_key_layout", "overlay"),
            which_key_preview: is("which_key_pending_preview", false),
            theme: others.get("theme").and_then(Value::as_str).map(str::to_owned),
            theme_mode_lock: others
                .get("theme_mode_lock")
                .and_then(Value::as_str)
                .map(str::to_owned),
            plugin_enabled: others
                .get("plugin_enabled")
                .and_then(|value| serde_json::from_value(value.clone()).ok())
                .unwrap_or_default(),
            others,
        }
    }

    /// Whether the user switched a built-in plugin on or off.
    pub(crate) fn plugin(&self, name: &str) -> Option<bool> {
        self.others.get("plugin_enabled")?.get(name)?.as_bool()
    }

    pub(crate) fn text(&self) -> String {
        let mut all = self.others.clone();
        let mut set = |key: &str, value: Value| {
            all.insert(key.to_owned(), value);
        };
        let word = |is: bool, yes: &str, no: &str| Value::from(if is { yes } else { no });
        set("sidebar", word(self.sidebar_hidden, "hide", "auto"));
        set("thinking_mode", word(self.thinking, "show", "hide"));
        set("timestamps", word(self.timestamps, "show", "hide"));
        set("tool_details_visibility", self.tool_details.into());
        set("assistant_metadata_visibility", self.assistant_metadata.into());
        set("scrollbar_visible", self.scrollbar.into());
        set("diff_wrap_mode", word(self.diff_wrap, "word", "none"));
        set("animations_enabled", self.animations.into());
        set("generic_tool_output_visibility", self.generic_tool_output.into());
        set("tips_hidden", self.tips_hidden.into());
        set("paste_summary_enabled", self.paste_summary.into());
        set("file_context_enabled", self.file_context.into());
        set("terminal_title_enabled", self.terminal_title.into());
        set(
            "session_directory_filter_enabled",
            self.session_directory_filter.into(),
        );
        set("share_consent", self.share_consent.into());
        if !self.plugin_enabled.is_empty() {
            set("plugin_enabled", json!(self.plugin_enabled));
        }
        if self.dismissed_getting_started {
            set("dismissed_getting_started", true.into());
        }
        set(
            "which_key_layout",
            word(self.which_key_overlay, "overlay", "dock"),
        );
        set("which_key_pending_preview", self.which_key_preview.into());
        for (key, value) in [("theme", &self.theme), ("theme_mode_lock", &self.theme_mode_lock)] {
            match value {
                Some(value) => all.insert(key.to_owned(), value.as_str().into()),
                None => all.remove(key),
            };
        }
        serde_json::to_string_pretty(&all).unwrap_or_default()
    }
}
