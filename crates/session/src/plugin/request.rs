//! What plugins are asked on the way to a model: its system prompt, its tools, its parameters and headers.

use futures_util::future::try_join_all;
use indexmap::IndexMap;
use opencode_catalog::Catalog;
use opencode_catalog::request::Parameters;
use opencode_llm::request::Message;
use opencode_plugin::{Error, Hook};
use opencode_schema::Object;
use opencode_schema::message::UserMessage;
use opencode_schema::model::{Model, Provider};
use opencode_tool::Definition;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Hooks, put, read, value};

/// Who asks a model, as plugins are told.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) model: &'a Model,
    pub(crate) provider: Option<&'a Provider>,
    /// The user's message that is answered.
    pub(crate) message_id: &'a str,
    pub(crate) user: &'a UserMessage,
}

impl About<'_> {
    /// The input of the hooks.
    pub(super) fn input(&self) -> Value {
        let mut message = value(self.user);
        put(&mut message, "id", Some(self.message_id));
        put(&mut message, "sessionID", Some(self.session_id));
        put(&mut message, "role", Some("user"));
        json!({
            "sessionID": self.session_id,
            "agent": self.agent,
            "model": value(self.model),
            "provider": value(&self.provider),
            "message": message,
        })
    }
}

impl Hooks {
    /// The system prompt of a request, as messages (`experimental.chat.system.transform`).
    pub(crate) async fn system(
        &self,
        session_id: Option<&str>,
        model: &Model,
        system: String,
        cancel: &CancellationToken,
    ) -> Result<Vec<Message>, Error> {
        let hook = Hook::SystemTransform;
        let question = || {
            let mut input = json!({ "model": value(model) });
            put(&mut input, "sessionID", session_id);
            (input, json!({ "system": [system] }))
        };
        match self.ask(hook, question, cancel).await? {
            Some(mut changed) => {
                let texts: Vec<String> = read(hook, "system", &mut changed)?;
                let texts = texts.into_iter().filter(|text| !text.is_empty());
                Ok(texts.map(Message::system).collect())
            }
            None => Ok(vec![Message::system(system)]),
        }
    }

    /// What models are told of tools (`tool.definition`), by name: all of them at the same time, in their order.
    pub(crate) async fn definitions(
        &self,
        tools: Vec<(String, Definition)>,
        cancel: &CancellationToken,
    ) -> Result<Vec<(String, Definition)>, Error> {
        if !self.has(Hook::ToolDefinition) {
            return Ok(tools);
        }
        let changed = tools.into_iter().map(|(name, definition)| async move {
            let changed = self.definition(&name, definition, cancel).await?;
            Ok((name, changed))
        });
        try_join_all(changed).await
    }

    async fn definition(
        &self,
        name: &str,
        definition: Definition,
        cancel: &CancellationToken,
    ) -> Result<Definition, Error> {
        let hook = Hook::ToolDefinition;
        let question = || {
            let told = json!({
                "description": definition.description,
                "parameters": definition.parameters,
                "jsonSchema": definition.parameters,
            });
            (json!({ "toolID": name }), told)
        };
        let Some(mut changed) = self.ask(hook, question, cancel).await? else {
            return Ok(definition);
        };
        let mut taken = |key: &str| changed.get_mut(key).map(Value::take).filter(Value::is_object);
        let (parameters, schema) = (taken("parameters"), taken("jsonSchema"));
        // Whoever replaces one of the two means both.
        let schema = schema.filter(|schema| *schema != definition.parameters);
        Ok(Definition {
            description: read(hook, "description", &mut changed)?,
            parameters: schema.or(parameters).unwrap_or(definition.parameters),
        })
    }

    /// The settings of a request (`chat.params`).
    pub(crate) async fn parameters(
        &self,
        about: &About<'_>,
        parameters: Parameters,
        cancel: &CancellationToken,
    ) -> Result<Parameters, Error> {
        let hook = Hook::ChatParams;
        let question = || {
            let mut told = json!({ "options": parameters.options });
            put(&mut told, "temperature", parameters.temperature);
            put(&mut told, "topP", parameters.top_p);
            put(&mut told, "topK", parameters.top_k);
            put(&mut told, "maxOutputTokens", parameters.max_output_tokens);
            (about.input(), told)
        };
        let Some(mut changed) = self.ask(hook, question, cancel).await? else {
            return Ok(parameters);
        };
        let changed = &mut changed;
        Ok(Parameters {
            temperature: read(hook, "temperature", changed)?,
            top_p: read(hook, "topP", changed)?,
            top_k: read(hook, "topK", changed)?,
            max_output_tokens: read::<Option<f64>>(hook, "maxOutputTokens", changed)?
                .filter(|tokens| *tokens >= 1.0)
                .map(|tokens| tokens as u64),
            options: read::<Option<Object>>(hook, "options", changed)?.unwrap_or_default(),
        })
    }

    /// Adds headers to those of a request (`chat.headers`).
    pub(crate) async fn headers(
        &self,
        about: &About<'_>,
        headers: &mut IndexMap<String, String>,
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        let hook = Hook::ChatHeaders;
        let question = || (about.input(), json!({ "headers": {} }));
        if let Some(mut changed) = self.ask(hook, question, cancel).await? {
            let more: IndexMap<String, Option<String>> = read(hook, "headers", &mut changed)?;
            headers.extend(
                more.into_iter()
                    .filter_map(|(name, content)| Some((name, content?))),
            );
        }
        Ok(())
    }

    /// The model for titles and the like, where configuration names none (`experimental.provider.small_model`).
    pub(crate) async fn small_model(
        &self,
        catalog: &Catalog,
        provider_id: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<Model>, Error> {
        let hook = Hook::SmallModel;
        if !self.has(hook) {
            return Ok(None);
        }
        let Some(provider) = catalog.provider(provider_id) else {
            return Ok(None);
        };
        let question = || (json!({ "provider": value(&*provider) }), json!({}));
        let Some(changed) = self.ask(hook, question, cancel).await? else {
            return Ok(None);
        };
        let Some(chosen) = changed.get("model").filter(|model| !model.is_null()) else {
            return Ok(None);
        };
        let text = |key: &str| chosen.get(key).and_then(Value::as_str);
        let known =
            text("id").and_then(|id| catalog.model(text("providerID").unwrap_or(provider_id), id).ok());
        Ok(known)
    }
}
