//! What is switched and chosen, and kept for the next time.

use opencode_schema::SessionId;

use super::App;
use crate::choice::ModelRef;
use crate::settings::Switches;
use crate::toast::Variant;

impl App {
    /// Switches something.
    pub(crate) fn switch(&mut self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.settings.switches);
        let text = self.settings.switches.text();
        self.keep(self.settings.file("kv.json"), text);
    }

    /// Switches something, as a command that meant something.
    pub(crate) fn switched(&mut self, change: impl FnOnce(&mut Switches)) -> bool {
        self.switch(change);
        true
    }

    /// A model is used.
    pub(crate) fn use_model(&mut self, model: &ModelRef) {
        self.settings.models.used(model);
        self.keep_models();
    }

    /// Makes a model a favourite, or not any more.
    pub(crate) fn toggle_favorite(&mut self, model: &ModelRef) {
        self.settings.models.toggle_favorite(model);
        self.keep_models();
    }

    /// Chooses a variant of a model.
    pub(crate) fn set_variant(&mut self, model: &ModelRef, variant: &str) {
        self.settings.models.set_variant(model, variant);
        self.keep_models();
    }

    fn keep_models(&mut self) {
        let text = self.settings.models.text();
        self.keep(self.settings.file("model.json"), text);
    }

    /// Pins a session, or lets it go.
    pub(crate) fn toggle_pin(&mut self, id: &SessionId) {
        self.settings.pins.toggle(id.as_str());
        let text = self.settings.pins.text();
        self.keep(self.settings.file("session.json"), text);
    }

    /// The theme that is looked at is the one from now on.
    pub(crate) fn keep_theme(&mut self) {
        let name = self.settings.theme_name().to_owned();
        self.switch(|switches| switches.theme = Some(name));
    }

    /// Light instead of dark, or dark instead of light; it stays so.
    pub(crate) fn switch_mode(&mut self) {
        let mode = if self.settings.is_dark() { "light" } else { "dark" };
        self.switch(|switches| switches.theme_mode_lock = Some(mode.to_owned()));
        self.repaint();
    }

    /// Light or dark stays as it is, or follows the terminal again.
    pub(crate) fn lock_mode(&mut self) {
        let mode = if self.settings.is_dark() { "dark" } else { "light" };
        let is_locked = self.settings.is_mode_locked();
        self.switch(|switches| switches.theme_mode_lock = (!is_locked).then(|| mode.to_owned()));
        self.repaint();
    }

    /// The terminal gets names, or none any more.
    pub(crate) fn toggle_title(&mut self) {
        self.switch(|switches| switches.terminal_title = !switches.terminal_title);
        if !self.settings.switches.terminal_title {
            self.title.clear();
            self.effect(crate::effect::Effect::Title(String::new()));
        }
    }

    /// Does a command of the prompt that the palette asks for.
    pub(crate) fn tell_prompt(&mut self, id: &str) -> bool {
        self.prompt_command(id);
        if id == "prompt.stash" {
            self.tell(Variant::Info, "prompt.stashed");
        }
        true
    }
}
