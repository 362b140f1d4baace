//! What a step asks of the model: system prompt, conversation, tools, settings
//! (reference `agent-loop.md` §3–5).

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use opencode_catalog::headers::{self, Asking};
use opencode_catalog::login;
use opencode_catalog::request::{self, Parameters, Purpose};
use opencode_catalog::transform;
use opencode_llm::request::{Message, ProviderOptions, Tool, ToolChoice};
use opencode_llm::{Request, Target};
use opencode_plugin::Hook;
use opencode_schema::agent::Mode;
use opencode_schema::model::Model;
use opencode_schema::permission::{Action, Rule};
use opencode_schema::{MessageWithParts, PartBody, SessionId, ToolState};
use opencode_tool::Scope;
use opencode_tool::contract::Subagent;
use opencode_tool::mcp::Deferred;
use opencode_tool::registry::{Audience, Registry};
use serde_json::Value;

use super::StepInput;
use crate::plugin::request::About;
use crate::{Location, history, references, reminder, system};

/// Everything that a step needs before it asks.
pub(super) struct Prepared {
    pub(super) target: Result<Target, opencode_catalog::Error>,
    pub(super) request: Request,
    pub(super) scope: Arc<Scope>,
    /// All tools that there are.
    pub(super) tools: Arc<Registry>,
    /// Names of the tools in the request.
    pub(super) offered: Arc<[String]>,
    /// Tools that the model has to look for.
    pub(super) deferred: Option<Arc<Deferred>>,
    /// Rules files that the model sees with this request.
    pub(super) seen_rules: Arc<Mutex<Vec<PathBuf>>>,
}

/// What the model is told when it has used up its steps.
const LAST_STEP: &str = "The limit of steps is reached: tools are switched off from here on. Answer in text only: \
    what was done, what is left to do, and what should happen next.";

/// # Errors
/// A plugin threw, or did not answer.
pub(super) async fn prepare(input: &StepInput<'_>) -> Result<Prepared, opencode_plugin::Error> {
    let location = input.location;
    references::fetch(input.engine, location);
    location.servers_ready().await;
    let registry = location.registry(input.durable.is_some());
    if let Some(question) = &input.summary_of {
        return for_summary(input, question, registry).await;
    }
    let own = input.session.permission.as_deref().unwrap_or_default();
    let rules: [&[Rule]; 2] = [&input.agent.permission, own];
    let scope = Arc::new(location.scope(&subagents(location, &rules)));
    // What a durable session may not call any more is not in its request (reference `v2.md` §6).
    let may_call = !(input.is_last && input.durable.is_some());
    let (registry, deferred, mut tools) = match may_call {
        true => offered_tools(input, registry, &rules, &scope),
        false => (registry, None, Vec::new()),
    };
    redefine(input, &mut tools, &scope).await?;
    let transformed = location.hooks.messages(input.history, &input.cancel).await?;
    let history = transformed.as_deref().unwrap_or(input.history);
    let offered = tools
        .iter()
        .map(|Tool::Function { name, .. }| name.clone())
        .collect();

    let instructions = location.instructions().await;
    let mut seen: Vec<PathBuf> = instructions.iter().map(|one| one.path.clone()).collect();
    seen.extend(loaded_rules(input.history));
    let system = match input.durable {
        Some(durable) => durable.system.to_owned(),
        None => system::prompt(&system::Sources {
            agent: input.agent,
            model: &input.model,
            directory: &location.directory,
            worktree: &location.worktree,
            is_git: location.is_git,
            references: &location.references,
            instructions: &instructions,
            servers: location.server_instructions(&rules).as_deref(),
            skills: &location.skills,
            rules: &rules,
            structured: input.answer_tool.is_some(),
            user: input.user.system.as_deref(),
            date: &system::today(),
        }),
    };
    let session_id = Some(input.session.id.as_str());
    let asked = location
        .hooks
        .system(session_id, &input.model, system, &input.cancel);
    let mut prompt = asked.await?;
    let note = reminder::note(input).filter(|_| input.durable.is_none());
    prompt.extend(history::conversation(history, &input.model, note));
    if input.is_last {
        prompt.push(Message::assistant(LAST_STEP));
    }
    transform::conversation(&mut prompt, &input.model);
    transform::tools(&mut tools, &prompt, &input.model);
    let target = location.catalog.fresh_target(&input.model).await;
    let mut request = assemble(input, target.as_ref().ok(), prompt, tools).await?;
    request.null_beside_calls = input.durable.is_some();
    Ok(Prepared {
        target,
        request,
        scope,
        tools: registry,
        offered,
        deferred,
        seen_rules: Arc::new(Mutex::new(seen)),
    })
}

/// Lets plugins say what the model is told of tools: of all that it could work with, also of those that it is not
/// told of.
async fn redefine(
    input: &StepInput<'_>,
    tools: &mut [Tool],
    scope: &Scope,
) -> Result<(), opencode_plugin::Error> {
    let location = input.location;
    if !location.hooks.has(Hook::ToolDefinition) {
        return Ok(());
    }
    let own = location.own_registry(input.durable.is_some());
    let known = own.of_model(audience(input));
    let known = known.map(|tool| (tool.name().to_owned(), tool.definition(scope)));
    let changed = location.hooks.definitions(known.collect(), &input.cancel).await?;
    for (changed, definition) in changed {
        for Tool::Function {
            name,
            description,
            input_schema,
            ..
        } in tools.iter_mut()
        {
            if *name == changed {
                *description = Some(definition.description.clone());
                *input_schema = definition.parameters.clone();
            }
        }
    }
    Ok(())
}

fn audience<'a>(input: &'a StepInput<'_>) -> Audience<'a> {
    Audience {
        provider_id: &input.model.provider_id,
        api_id: &input.model.api.id,
    }
}

/// A request that has nothing but a question: no conversation, no tools.
async fn for_summary(
    input: &StepInput<'_>,
    question: &str,
    registry: Arc<Registry>,
) -> Result<Prepared, opencode_plugin::Error> {
    let location = input.location;
    let system = input.agent.prompt.clone().unwrap_or_default();
    let session_id = Some(input.session.id.as_str());
    let asked = location
        .hooks
        .system(session_id, &input.model, system, &input.cancel);
    let mut prompt = asked.await?;
    prompt.push(Message::user(question));
    transform::conversation(&mut prompt, &input.model);
    let target = location.catalog.fresh_target(&input.model).await;
    Ok(Prepared {
        request: assemble(input, target.as_ref().ok(), prompt, Vec::new()).await?,
        target,
        scope: Arc::new(location.scope(&[])),
        tools: registry,
        offered: Arc::default(),
        deferred: None,
        seen_rules: Arc::default(),
    })
}

async fn assemble(
    input: &StepInput<'_>,
    target: Option<&Target>,
    prompt: Vec<Message>,
    tools: Vec<Tool>,
) -> Result<Request, opencode_plugin::Error> {
    let location = input.location;
    let session_id = input.session.id.as_str();
    let provider = location.catalog.provider(&input.model.provider_id);
    let purpose = Purpose {
        agent: input.agent,
        variant: input.user.model.variant.as_deref(),
        session_id,
        small: false,
        output_limit: location.output_limit(),
    };
    let about = About {
        session_id,
        agent: &input.agent.name,
        model: &input.model,
        provider: provider.as_deref(),
        message_id: input.user_id.as_str(),
        user: input.user,
    };
    let parameters = provider
        .as_ref()
        .map(|provider| request::parameters(&input.model, provider, purpose))
        .unwrap_or_default();
    let parameters = location
        .hooks
        .parameters(&about, parameters, &input.cancel)
        .await?;
    let choice = match (&input.answer_tool, tools.is_empty()) {
        (_, true) => None,
        (Some(_), false) => Some(ToolChoice::Required),
        (None, false) => Some(ToolChoice::Auto),
    };
    let asking = Asking {
        session_id,
        parent_id: input.session.parent_id.as_ref().map(SessionId::as_str),
        project_id: &location.project_id,
        request_id: input.user_id.as_str(),
        client: location.client(),
        purpose: if input.summary_of.is_some() {
            headers::Purpose::Summary
        } else {
            headers::Purpose::Turn
        },
    };
    let mut request = build(
        parameters,
        target,
        &input.model,
        prompt,
        Tools { tools, choice },
        asking,
    );
    location
        .hooks
        .headers(&about, &mut request.headers, &input.cancel)
        .await?;
    Ok(request)
}

/// Tools of a request.
#[derive(Default)]
pub(crate) struct Tools {
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Option<ToolChoice>,
}

/// Puts a request together.
pub(crate) fn build(
    parameters: Parameters,
    target: Option<&Target>,
    model: &Model,
    mut prompt: Vec<Message>,
    tools: Tools,
    asking: Asking<'_>,
) -> Request {
    let mut parameters = parameters;
    let mut provider_options = ProviderOptions::new();
    if let Some(target) = target {
        transform::for_adapter(&mut prompt, target, &parameters.options);
        login::arrange(target, &mut prompt, &mut parameters);
        provider_options = request::namespaced(target, std::mem::take(&mut parameters.options));
    }
    let headers = headers::of_request(model, asking, &prompt);
    Request {
        prompt,
        tools: tools.tools,
        tool_choice: tools.choice,
        max_output_tokens: parameters.max_output_tokens,
        temperature: parameters.temperature,
        top_p: parameters.top_p,
        top_k: parameters.top_k,
        provider_options,
        headers,
        ..Request::default()
    }
}

/// Agents that tasks can be given to, by name.
pub(crate) fn subagents(location: &Location, rules: &[&[Rule]]) -> Vec<Subagent> {
    let mut all: Vec<Subagent> = location
        .agents
        .values()
        .filter(|agent| agent.mode != Mode::Primary)
        .filter(|agent| opencode_permission::rules::evaluate("task", &agent.name, rules) != Action::Deny)
        .map(|agent| Subagent {
            name: agent.name.clone(),
            description: agent.description.clone(),
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The tools that the model is told of: none when it cannot call any. Where there are too many of servers, it has to
/// look for these, and what it looks and calls with is in the registry that is given back.
fn offered_tools(
    input: &StepInput<'_>,
    registry: Arc<Registry>,
    rules: &[&[Rule]],
    scope: &Scope,
) -> (Arc<Registry>, Option<Arc<Deferred>>, Vec<Tool>) {
    if !input.model.capabilities.toolcall {
        return (registry, None, Vec::new());
    }
    let switched_off =
        |name: &str| input.user.tools.as_ref().and_then(|tools| tools.get(name)) == Some(&false);
    let audience = Some(audience(input)).filter(|_| input.durable.is_none());
    let mut visible = registry.visible(rules, audience);
    visible.retain(|tool| !switched_off(tool.name()));
    let deferred = input
        .location
        .deferred_tools(&visible, scope, input.model.limit.context, input.history);
    let instead = deferred
        .as_ref()
        .map(|deferred| deferred.tools(input.durable.is_some()));
    if let Some(deferred) = &deferred {
        visible.retain(|tool| !deferred.holds(tool.name()));
        visible.extend(instead.iter().flatten());
        visible.sort_by(|a, b| a.name().cmp(b.name()));
    }
    let told = input.answer_tool.iter().chain(visible).map(|tool| {
        let definition = tool.definition(scope);
        Tool::Function {
            name: tool.name().to_owned(),
            description: Some(definition.description),
            input_schema: definition.parameters,
            strict: None,
            provider_options: ProviderOptions::new(),
        }
    });
    let told = told.collect();
    let registry = match &instead {
        Some(instead) => Arc::new(registry.with(instead)),
        None => registry,
    };
    (registry, deferred, told)
}

/// Rules files that earlier reads brought along and that are still part of the conversation.
fn loaded_rules(history: &[MessageWithParts]) -> Vec<PathBuf> {
    let parts = history.iter().flat_map(|message| &message.parts);
    let states = parts.filter_map(|part| match &part.body {
        PartBody::Tool(part) if part.tool == "read" => Some(&part.state),
        _ => None,
    });
    let loaded = states.filter_map(|state| match state {
        ToolState::Completed { metadata, time, .. } if time.compacted.is_none() => {
            metadata.get("loaded")?.as_array()
        }
        _ => None,
    });
    loaded
        .flatten()
        .filter_map(Value::as_str)
        .map(PathBuf::from)
        .collect()
}
