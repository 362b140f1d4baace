//! MCP servers ask the model while their tools run (beyond the reference, which refuses): who may, what it costs, and
//! how the model is asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opencode_catalog::headers::{self, Asking};
use opencode_catalog::request::{self, Purpose};
use opencode_catalog::{cost, transform};
use opencode_llm::request::{Content, Message, ProviderOptions};
use opencode_llm::stream::{Finish, FinishReason};
use opencode_mcp::{MaySample, Piece, Said, Sampled, Sampling};
use opencode_permission::rules::{self, MCP_SAMPLING};
use opencode_permission::{Question, Refusal};
use opencode_schema::model::Model;
use opencode_schema::permission::{Action, Rule, Ruleset, ToolReference};
use opencode_schema::session::Session;
use opencode_schema::{MessageId, SessionId};
use opencode_tool::{Call, Failure};
use serde_json::json;

use crate::spending::Held;
use crate::step::{Billed, StepInput, Tools, build, tokens_of};
use crate::title::collect;
use crate::{Engine, Location};

/// Tokens of an answer at most, whatever a server wants.
const TOKENS: u64 = 8192;
/// How long an answer may take.
const LIMIT: Duration = Duration::from_mins(5);
/// Characters of a question that whoever is asked for permission sees.
const SHOWN: usize = 1000;

/// Which servers are told that they may ask: those that at least one agent does not forbid it.
pub(crate) fn offered<'a>(agents: impl Iterator<Item = &'a Ruleset>) -> MaySample {
    let all: Vec<Ruleset> = agents.cloned().collect();
    Arc::new(move |server| {
        let may = |own: &Ruleset| rules::evaluate(MCP_SAMPLING, server, &[own]) != Action::Deny;
        all.iter().any(may)
    })
}

/// Asks the model of a step for servers, and counts what that takes.
pub(crate) struct Sampler {
    engine: Engine,
    location: Arc<Location>,
    session: Session,
    model: Model,
    agent: String,
    variant: Option<String>,
    user_id: MessageId,
    is_durable: bool,
    spent: Mutex<(Billed, Vec<Held>)>,
}

impl Sampler {
    /// Of a step.
    pub(crate) fn of(input: &StepInput<'_>) -> Self {
        Self {
            engine: input.engine.clone(),
            location: Arc::clone(input.location),
            session: input.session.clone(),
            model: input.model.clone(),
            agent: input.agent.name.clone(),
            variant: input.user.model.variant.clone(),
            user_id: input.user_id.clone(),
            is_durable: input.durable.is_some(),
            spent: Mutex::default(),
        }
    }

    /// What was used.
    pub(crate) fn billed(&self) -> Billed {
        self.spent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .clone()
    }

    /// What was used is stored: limits find it there.
    pub(crate) fn is_stored(&self) {
        self.spent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .clear();
    }

    /// Asks for permission.
    pub(crate) async fn ask(&self, all: &[Rule], call: &Call, asked: &Sampling) -> Result<(), Failure> {
        let shown: String = asked.words().chars().take(SHOWN).collect();
        let metadata = json!({ "server": asked.server, "prompt": shown, "maxTokens": limit(asked) });
        let question = Question {
            session_id: self.session.id.clone(),
            permission: MCP_SAMPLING.to_owned(),
            patterns: vec![asked.server.clone()],
            always: vec![asked.server.clone()],
            metadata: metadata.as_object().cloned().unwrap_or_default(),
            tool: Some(ToolReference {
                message_id: call.message_id.clone(),
                call_id: call.call_id.clone(),
            }),
            is_durable: self.is_durable,
        };
        let permissions = &self.location.permissions;
        let answer = permissions.ask(question, &[all], &call.cancel).await;
        answer.map_err(|refusal| match refusal {
            Refusal::Cancelled => Failure::Aborted,
            refusal => Failure::Rejected(refusal.to_string()),
        })
    }

    /// Asks the model.
    pub(crate) async fn answer(&self, call: &Call, asked: Sampling) -> Result<Sampled, Failure> {
        let refused = self.engine.refused_spending(&self.location, &self.session.id);
        if let Some(reason) = refused.await.map_err(|error| Failure::Told(error.to_string()))? {
            return Err(Failure::Rejected(reason));
        }
        let cancel = call.cancel.child_token();
        // Given up with the wait for it.
        let _giving_up = cancel.clone().drop_guard();
        let asking = async {
            let (target, request) = self.request(asked).await?;
            let client = &self.engine.inner.client;
            let answer = collect(client, &target, &request, cancel.clone()).await;
            answer.map_err(|error| Failure::Told(error.message().to_owned()))
        };
        let (text, finish) = tokio::select! {
            answer = tokio::time::timeout(LIMIT, asking) => {
                answer.map_err(|_| Failure::told("The model took too long"))??
            }
            () = call.cancel.cancelled() => return Err(Failure::Aborted),
        };
        let reason = finish.as_ref().map(|finish| finish.reason);
        if let Some(finish) = &finish {
            self.count(finish);
        }
        Ok(Sampled {
            model: self.model.id.clone(),
            text,
            is_cut: reason == Some(FinishReason::Length),
        })
    }

    fn count(&self, finish: &Finish) {
        let tokens = tokens_of(finish);
        let price = cost::billed(&finish.metadata).unwrap_or_else(|| cost::of(&self.model, &tokens));
        let mut used = Billed::default();
        used.add(&tokens, price);
        let held = self.engine.inner.runs.hold(&self.session.id, used.spent());
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.0.join(used);
        spent.1.push(held);
    }

    async fn request(
        &self,
        asked: Sampling,
    ) -> Result<(opencode_llm::Target, opencode_llm::Request), Failure> {
        let unknown = || Failure::told("The model is not there any more");
        let location = &self.location;
        let agent = location.agents.get(&self.agent).ok_or_else(unknown)?;
        let provider = location
            .catalog
            .provider(&self.model.provider_id)
            .ok_or_else(unknown)?;
        let mut prompt: Vec<Message> = asked.system.iter().map(Message::system).collect();
        prompt.extend(asked.messages.iter().map(message));
        transform::conversation(&mut prompt, &self.model);
        let session_id = self.session.id.as_str();
        let purpose = Purpose {
            agent,
            variant: self.variant.as_deref(),
            session_id,
            small: true,
            output_limit: request::OUTPUT_TOKEN_MAX,
        };
        let mut parameters = request::parameters(&self.model, &provider, purpose);
        let limit = limit(&asked);
        let own = parameters.max_output_tokens;
        parameters.max_output_tokens = Some(own.map_or(limit, |own| own.min(limit)));
        if self.model.capabilities.temperature {
            parameters.temperature = asked.temperature.or(parameters.temperature);
        }
        let target = location.catalog.fresh_target(&self.model).await;
        let target = target.map_err(|error| Failure::Told(error.to_string()))?;
        let asking = Asking {
            session_id,
            parent_id: self.session.parent_id.as_ref().map(SessionId::as_str),
            project_id: &location.project_id,
            request_id: self.user_id.as_str(),
            client: location.client(),
            purpose: headers::Purpose::Turn,
        };
        let tools = Tools::default();
        let mut request = build(parameters, Some(&target), &self.model, prompt, tools, asking);
        request.stop_sequences = asked.stop;
        Ok((target, request))
    }
}

fn limit(asked: &Sampling) -> u64 {
    asked.max_tokens.min(TOKENS)
}

fn message(said: &Said) -> Message {
    let content = said.pieces.iter().map(|piece| match piece {
        Piece::Text(text) => Content::text(text.as_str()),
        Piece::Image { mime, data } => Content::File {
            media_type: mime.clone(),
            data: data.clone(),
            filename: None,
            provider_options: ProviderOptions::new(),
        },
    });
    let content = content.collect();
    let provider_options = ProviderOptions::new();
    match said.by_model {
        true => Message::Assistant {
            content,
            provider_options,
        },
        false => Message::User {
            content,
            provider_options,
        },
    }
}
