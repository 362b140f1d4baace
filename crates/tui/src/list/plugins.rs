//! Plugins of the interface (reference `tui.md` §10): what `plugin` of `tui.json` names. This interface runs no code
//! of theirs; what they bring are themes.

use crate::app::App;
use crate::dialog::{Item, LARGE, Outcome, Select};
use crate::safe;

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    let title = app.words.get("plugins.title");
    let empty = if app.settings.is_pure() {
        "plugins.pure"
    } else {
        "plugins.none"
    };
    let list = Select::new(app, title, items, |_, _: &String| Outcome::Done)
        .wide(LARGE)
        .when_empty(empty)
        .action("plugins.toggle", "mcps.toggle", |app, id: Option<&String>| {
            if let Some(id) = id {
                let is_on = app.settings.is_plugin_on(id);
                let id = id.clone();
                app.switch(|switches| {
                    switches.plugin_enabled.insert(id, !is_on);
                });
                app.repaint();
            }
            Outcome::Done
        });
    app.open_dialog(list);
}

fn items(app: &App) -> Vec<Item<String>> {
    let words = &app.words;
    let plugins = app.settings.plugins.iter();
    plugins
        .map(|plugin| {
            let (sign, state) = match (plugin.is_found, app.settings.is_plugin_on(&plugin.id)) {
                (false, _) => ("✗", "plugins.absent"),
                (true, true) => ("✓", "mcps.enabled"),
                (true, false) => ("○", "mcps.disabled"),
            };
            let themes: Vec<&str> = plugin.themes.keys().map(String::as_str).collect();
            let described = match themes.is_empty() {
                _ if !plugin.is_found => String::new(),
                true => words.get("plugins.no_themes").to_owned(),
                false => words.fill("plugins.themes", &[("names", &safe::line(&themes.join(", ")))]),
            };
            let version = match plugin.version.is_empty() {
                true => String::new(),
                false => format!(" @{}", plugin.version),
            };
            Item::new(plugin.id.clone(), safe::line(&format!("{}{version}", plugin.id)))
                .describe(described)
                .foot(format!("{sign} {}", words.get(state)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use crate::stage::Stage;
    use crate::theme::package::Plugin;

    #[test]
    fn plugins_are_listed_and_switched() {
        let mut stage = Stage::new(100, 30);
        stage.act(|app| {
            app.dialogs.clear();
            let themes = [("sea".to_owned(), "/none/sea.json".into())];
            app.settings.plugins = vec![
                Plugin {
                    id: "look".to_owned(),
                    version: "1.2.3".to_owned(),
                    is_found: true,
                    themes: themes.into_iter().collect(),
                },
                Plugin {
                    id: "absent".to_owned(),
                    version: String::new(),
                    is_found: false,
                    themes: Default::default(),
                },
            ];
        });
        assert!(stage.app.settings.theme_names().contains(&"sea".to_owned()));
        stage.run("plugins.list");
        insta::assert_snapshot!(stage.dialog(), @r"
        Plugins                                                                      esc

        Search

        look @1.2.3 Themes: sea                                                ✓ Enabled
        absent                                                           ✗ not installed

        toggle space
        ");
        stage.keys("space");
        assert!(stage.dialog().contains("Disabled"), "{}", stage.dialog());
        assert!(!stage.app.settings.theme_names().contains(&"sea".to_owned()));
        assert_eq!(stage.wants, ["Keep /home/me/.local/state/opencode/kv.json"]);
        stage.keys("space");
        assert!(stage.dialog().contains("Enabled"), "{}", stage.dialog());
    }
}
