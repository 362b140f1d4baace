//! Sampling that models work best with, by their names (reference `providers.md` §7).

use opencode_schema::model::Model;

/// Sampling that a model works best with.
#[derive(Default)]
pub(super) struct Sampling {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<f64>,
}

impl Sampling {
    pub(super) fn of(model: &Model) -> Self {
        let id = model.api.id.to_lowercase();
        let has = |names: &[&str]| names.iter().any(|name| id.contains(name));
        let gemini = id.contains("gemini")
            && (has(&["2.5", "3-flash", "3-pro", "3.1"]) || (has(&["3.5-flash"]) && !has(&["lite"])));
        let temperature = if has(&["north-mini-code"]) {
            Some(1.0)
        } else if has(&["claude"]) {
            None
        } else if gemini || has(&["glm-4.6", "glm-4.7", "minimax-m2"]) {
            Some(1.0)
        } else if has(&["kimi-k2"]) {
            Some(if has(&["thinking", "k2.", "k2p", "k2-5"]) {
                1.0
            } else {
                0.6
            })
        } else {
            None
        };
        let deepseek_host = model.provider_id == "deepseek" || model.provider_id.starts_with("opencode");
        let deepseek = has(&["deepseek-v4-flash-0731", "deepseek-v4-flash:0731"])
            || (has(&["deepseek-v4-flash"]) && deepseek_host);
        let top_p = (gemini || has(&["minimax-m2", "kimi-k2.5", "kimi-k2p5", "kimi-k2-5"]) || deepseek)
            .then_some(0.95);
        let top_k = if has(&["minimax-m2"]) {
            Some(if has(&["m2.", "m25", "m21"]) { 40.0 } else { 20.0 })
        } else {
            gemini.then_some(64.0)
        };
        Self {
            temperature,
            top_p,
            top_k,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::model;

    #[test]
    fn names_tell_the_sampling() {
        for (id, wanted) in [
            ("north-mini-code-1", (Some(1.0), None, None)),
            ("claude-sonnet-4-5", (None, None, None)),
            ("gemini-2.5-pro", (Some(1.0), Some(0.95), Some(64.0))),
            (
                "google/gemini-3-flash-preview",
                (Some(1.0), Some(0.95), Some(64.0)),
            ),
            ("gemini-3.5-flash", (Some(1.0), Some(0.95), Some(64.0))),
            ("gemini-3.5-flash-lite", (None, None, None)),
            ("gemini-2.0-flash", (None, None, None)),
            ("zai-org/GLM-4.7", (Some(1.0), None, None)),
            ("glm-5", (None, None, None)),
            ("MiniMax-M2", (Some(1.0), Some(0.95), Some(20.0))),
            ("minimax-m2.5", (Some(1.0), Some(0.95), Some(40.0))),
            ("kimi-k2", (Some(0.6), None, None)),
            ("kimi-k2-thinking", (Some(1.0), None, None)),
            ("moonshotai/Kimi-K2.5", (Some(1.0), Some(0.95), None)),
            ("deepseek-v4-flash:0731", (None, Some(0.95), None)),
            ("deepseek-v4-flash", (None, None, None)),
            ("gpt-5", (None, None, None)),
        ] {
            let sampling = Sampling::of(&model("p", "n", id));
            assert_eq!(
                (sampling.temperature, sampling.top_p, sampling.top_k),
                wanted,
                "{id}"
            );
        }
        for host in ["deepseek", "opencode-go"] {
            assert_eq!(
                Sampling::of(&model(host, "n", "deepseek-v4-flash")).top_p,
                Some(0.95),
                "{host}"
            );
        }
    }
}
