//! Model, effort and mode of a session: what there is to choose in a folder, and what was chosen
//! (reference `integrations.md` §D2).

use opencode_client::{Client, Error, PromptModel};
use opencode_schema::agent::{Agent, Mode};
use opencode_schema::model::Provider;
use opencode_schema::session::SessionModel;
use opencode_schema::{MessageWithParts, Session};
use serde_json::{Value, json};

use crate::rpc::Failure;

/// The effort that leaves the decision to the model.
const NO_EFFORT: &str = "default";
/// What stands where no model can be used.
const NO_MODEL: &str = "unknown";

/// A model that can be chosen.
#[derive(Debug)]
struct Offered {
    provider: String,
    model: String,
    name: String,
    /// Efforts and other named sets of options.
    variants: Vec<String>,
    /// Tokens of its context.
    context: u64,
}

/// What can be chosen in a folder.
#[derive(Debug)]
pub(crate) struct Offer {
    models: Vec<Offered>,
    /// Names of agents with what they are for; the usual one first.
    modes: Vec<(String, Option<String>)>,
    usual: Option<PromptModel>,
}

/// What was chosen for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) model: PromptModel,
    variant: Option<String>,
    pub(crate) mode: Option<String>,
}

impl Choice {
    /// The named set of options as prompts have it.
    pub(crate) fn variant(&self) -> Option<String> {
        self.variant.clone().filter(|variant| variant != NO_EFFORT)
    }

    /// Whether there is a model at all.
    pub(crate) fn has_model(&self) -> bool {
        self.model.provider_id != NO_MODEL
    }

    /// The model as sessions keep it.
    pub(crate) fn session_model(&self) -> Option<SessionModel> {
        self.has_model().then(|| SessionModel {
            id: self.model.model_id.clone(),
            provider_id: self.model.provider_id.clone(),
            variant: self.variant.clone(),
        })
    }
}

fn same(offered: &Offered, model: &PromptModel) -> bool {
    offered.provider == model.provider_id && offered.model == model.model_id
}

impl Offer {
    /// What can be chosen in the folder of a client.
    pub(crate) async fn read(client: &Client) -> Result<Self, Error> {
        let (providers, agents, settings) =
            tokio::try_join!(client.providers(), client.agents(), client.settings())?;
        let best = providers
            .providers
            .iter()
            .find_map(|provider| Some((provider, providers.default.get(&provider.id)?)))
            .map(|(provider, model)| PromptModel {
                provider_id: provider.id.clone(),
                model_id: model.clone(),
            });
        let mut offer = Self {
            models: models(&providers.providers),
            modes: modes(agents),
            usual: None,
        };
        // Parity: integrations.md §D2, a configured model that is not there does not count here.
        let configured = settings.model.as_deref().map(PromptModel::parse);
        offer.usual = configured.filter(|model| offer.find(model).is_some()).or(best);
        Ok(offer)
    }

    fn find(&self, model: &PromptModel) -> Option<&Offered> {
        self.models.iter().find(|offered| same(offered, model))
    }

    /// Tokens of a model's context.
    pub(crate) fn context(&self, provider: &str, model: &str) -> Option<u64> {
        let found = self
            .models
            .iter()
            .find(|offered| offered.provider == provider && offered.model == model);
        found.map(|offered| offered.context)
    }

    /// The choice for a new session.
    pub(crate) fn usual(&self) -> Choice {
        let model = self.usual.clone().unwrap_or(PromptModel {
            provider_id: NO_MODEL.to_owned(),
            model_id: NO_MODEL.to_owned(),
        });
        self.with_usual_variant(model, None, self.modes.first().map(|(name, _)| name.clone()))
    }

    /// The choice of a session that was there before: its own, or that of its last prompt.
    pub(crate) fn of_session(&self, session: &Session, messages: &[MessageWithParts]) -> Choice {
        let usual = self.usual();
        let prompt = messages.iter().rev().find_map(|message| message.info.as_user());
        let of_session = session.model.as_ref().map(|model| {
            let chosen = PromptModel {
                provider_id: model.provider_id.clone(),
                model_id: model.id.clone(),
            };
            (chosen, model.variant.clone())
        });
        let of_prompt = prompt.map(|prompt| {
            let chosen = PromptModel {
                provider_id: prompt.model.provider_id.clone(),
                model_id: prompt.model.model_id.clone(),
            };
            (chosen, prompt.model.variant.clone())
        });
        let found = of_session
            .or(of_prompt)
            .filter(|(model, _)| self.find(model).is_some());
        let (model, variant) = found.unwrap_or((usual.model, usual.variant));
        let mode = session
            .agent
            .clone()
            .or_else(|| prompt.map(|prompt| prompt.agent.clone()))
            .filter(|mode| self.has_mode(mode))
            .or(usual.mode);
        self.with_usual_variant(model, variant, mode)
    }

    /// Parity: integrations.md §D2, where nobody chose an effort the first one counts.
    fn with_usual_variant(
        &self,
        model: PromptModel,
        variant: Option<String>,
        mode: Option<String>,
    ) -> Choice {
        let variants = self.find(&model).map_or(&[][..], |offered| &offered.variants);
        let variant = match variant {
            Some(variant) if variant == NO_EFFORT || variants.contains(&variant) => Some(variant),
            _ => variants.first().cloned(),
        };
        let variant = variant.filter(|_| !variants.is_empty());
        Choice { model, variant, mode }
    }

    fn has_mode(&self, name: &str) -> bool {
        self.modes.iter().any(|(mode, _)| mode == name)
    }

    /// Another agent.
    pub(crate) fn set_mode(&self, choice: &mut Choice, mode: &str) -> Result<(), Failure> {
        if !self.has_mode(mode) {
            let reason = format_args!("mode not found: {mode}");
            return Err(Failure::invalid(reason, json!({ "mode": mode })));
        }
        choice.mode = Some(mode.to_owned());
        Ok(())
    }

    /// Another effort.
    pub(crate) fn set_effort(&self, choice: &mut Choice, effort: &str) -> Result<(), Failure> {
        let variants = self
            .find(&choice.model)
            .map_or(&[][..], |offered| &offered.variants);
        let is_there = variants.iter().any(|variant| variant == effort);
        if variants.is_empty() || !(is_there || effort == NO_EFFORT) {
            let reason = format_args!("effort not found: {effort}");
            return Err(Failure::invalid(reason, json!({ "effort": effort })));
        }
        choice.variant = Some(effort.to_owned());
        Ok(())
    }

    /// Another model: `provider/model`, or `provider/model/variant`.
    pub(crate) fn set_model(&self, choice: &mut Choice, text: &str) -> Result<(), Failure> {
        let whole = PromptModel::parse(text);
        let (model, variant) = if self.find(&whole).is_some() {
            (whole, choice.variant.clone())
        } else {
            let cut = text.rsplit_once('/').and_then(|(model, variant)| {
                let model = PromptModel::parse(model);
                let offered = self.find(&model)?;
                let is_there = offered.variants.iter().any(|one| one == variant);
                (is_there || variant == NO_EFFORT).then(|| (model, Some(variant.to_owned())))
            });
            cut.ok_or_else(|| {
                let data = json!({ "modelId": text, "providerId": whole.provider_id });
                Failure::invalid(format_args!("model not found: {text}"), data)
            })?
        };
        *choice = self.with_usual_variant(model, variant, choice.mode.take());
        Ok(())
    }

    /// The options of a session as clients show them.
    pub(crate) fn options(&self, choice: &Choice) -> Value {
        let models = self.models.iter().map(|offered| {
            json!({ "value": format!("{}/{}", offered.provider, offered.model), "name": offered.name })
        });
        let mut options = vec![json!({
            "id": "model",
            "name": "Model",
            "category": "model",
            "type": "select",
            "currentValue": format!("{}/{}", choice.model.provider_id, choice.model.model_id),
            "options": models.collect::<Vec<_>>(),
        })];
        if let Some(variant) = &choice.variant {
            let variants = self
                .find(&choice.model)
                .map_or(&[][..], |offered| &offered.variants);
            let efforts = variants
                .iter()
                .map(String::as_str)
                .chain((!variants.iter().any(|one| one == NO_EFFORT)).then_some(NO_EFFORT))
                .map(|effort| json!({ "value": effort, "name": capitalised(effort) }));
            options.push(json!({
                "id": "effort",
                "name": "Effort",
                "description": "How much this model thinks",
                "category": "thought_level",
                "type": "select",
                "currentValue": variant,
                "options": efforts.collect::<Vec<_>>(),
            }));
        }
        if let Some(mode) = &choice.mode {
            let modes = self.modes.iter().map(|(name, description)| {
                let mut mode = json!({ "value": name, "name": name });
                if let Some(description) = description {
                    mode["description"] = json!(description);
                }
                mode
            });
            options.push(json!({
                "id": "mode",
                "name": "Session Mode",
                "category": "mode",
                "type": "select",
                "currentValue": mode,
                "options": modes.collect::<Vec<_>>(),
            }));
        }
        Value::Array(options)
    }
}

fn models(providers: &[Provider]) -> Vec<Offered> {
    let mut models: Vec<Offered> = providers
        .iter()
        .flat_map(|provider| {
            provider.models.values().map(|model| Offered {
                provider: provider.id.clone(),
                model: model.id.clone(),
                name: format!("{}/{}", provider.name, model.name),
                variants: model
                    .variants
                    .as_ref()
                    .map(|variants| variants.keys().cloned().collect())
                    .unwrap_or_default(),
                context: model.limit.context,
            })
        })
        .collect();
    models.sort_by(|one, other| one.name.cmp(&other.name));
    models
}

fn modes(agents: Vec<Agent>) -> Vec<(String, Option<String>)> {
    let offered = agents
        .into_iter()
        .filter(|agent| agent.mode != Mode::Subagent && agent.hidden != Some(true));
    offered
        .map(|agent| (agent.name, agent.description.filter(|text| !text.is_empty())))
        .collect()
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn offer() -> Offer {
        let offered = |provider: &str, model: &str, variants: &[&str]| Offered {
            provider: provider.into(),
            model: model.into(),
            name: format!("{provider}/{model}"),
            variants: variants.iter().map(|one| (*one).to_owned()).collect(),
            context: 1000,
        };
        Offer {
            models: vec![
                offered("p", "plain", &[]),
                offered("p", "deep", &["low", "high"]),
                offered("router", "some/deep", &["low"]),
            ],
            modes: vec![("build".into(), None), ("plan".into(), None)],
            usual: Some(PromptModel::parse("p/deep")),
        }
    }

    fn shown(choice: &Choice) -> String {
        let (model, variant) = (&choice.model, choice.variant.as_deref().unwrap_or("-"));
        format!("{}/{} {variant}", model.provider_id, model.model_id)
    }

    #[test]
    fn models_are_chosen_with_and_without_a_variant() {
        let offer = offer();
        for (text, wanted) in [
            ("p/plain", "p/plain -"),
            ("p/deep", "p/deep high"),
            ("p/deep/low", "p/deep low"),
            ("p/deep/default", "p/deep default"),
            ("router/some/deep", "router/some/deep low"),
            ("router/some/deep/low", "router/some/deep low"),
        ] {
            let mut choice = offer.usual();
            offer.set_effort(&mut choice, "high").unwrap();
            offer.set_model(&mut choice, text).unwrap();
            assert_eq!(shown(&choice), wanted, "{text}");
        }
        for text in ["", "p", "p/", "p/none", "p/deep/none", "p/plain/low", "/"] {
            let mut choice = offer.usual();
            let before = choice.clone();
            let failure = offer.set_model(&mut choice, text).unwrap_err();
            assert_eq!(
                failure.message,
                format!("Invalid params: model not found: {text}")
            );
            assert_eq!(choice, before);
        }
    }

    #[test]
    fn the_first_effort_counts_until_one_is_chosen() {
        let offer = offer();
        let mut choice = offer.usual();
        assert_eq!(choice.variant(), Some("low".to_owned()));
        offer.set_effort(&mut choice, "default").unwrap();
        assert_eq!(choice.variant(), None);
        assert!(offer.set_effort(&mut choice, "none").is_err());
        offer.set_model(&mut choice, "p/plain").unwrap();
        assert!(offer.set_effort(&mut choice, "default").is_err());
    }

    #[test]
    fn without_a_model_there_is_still_something_to_show() {
        let offer = Offer {
            models: Vec::new(),
            usual: None,
            ..offer()
        };
        let choice = offer.usual();
        assert_eq!(offer.options(&choice)[0]["currentValue"], "unknown/unknown");
        assert_eq!(choice.session_model(), None);
    }
}
