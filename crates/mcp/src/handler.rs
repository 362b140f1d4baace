//! What a server may ask of us, and what it tells by itself (reference `integrations.md` §A2 and §A13).
#![expect(
    deprecated,
    reason = "a later protocol version has no roots and no log any more; this one does"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::ClientHandler;
use rmcp::RoleClient;
use rmcp::model::{
    ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ElicitationAction, ElicitationCapability, ErrorCode, ErrorData, FormElicitationCapability,
    Implementation, ListRootsResult, LoggingLevel, LoggingMessageNotificationParam,
    ProgressNotificationParam, ProgressToken, ProtocolVersion, Root, RootsCapabilities, SamplingCapability,
};
use rmcp::service::{NotificationContext, RequestContext};
use tokio::sync::{mpsc, watch};

use crate::elicitation::{Answerers, Filled, Form};
use crate::sampling::{self, Sampling, Unsampled};

/// How far a call is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How much is done.
    pub progress: f64,
    /// Of how much.
    pub total: Option<f64>,
    /// In words.
    pub message: Option<String>,
}

/// Calls that want to be told how far they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers(Arc<Mutex<HashMap<ProgressToken, mpsc::Sender<Progress>>>>);

impl Watchers {
    pub(crate) fn add(&self, token: ProgressToken, watcher: mpsc::Sender<Progress>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token, watcher);
    }

    pub(crate) fn remove(&self, token: &ProgressToken) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(token);
    }

    fn tell(&self, token: &ProgressToken, progress: Progress) {
        let watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watchers.get(token) {
            // When the queue is full the next one says more anyway.
            let _ = watcher.try_send(progress);
        }
    }
}

/// Lists that a server said have changed, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) tools: u64,
    pub(crate) prompts: u64,
    pub(crate) resources: u64,
}

/// Answers a server.
pub(crate) struct Handler {
    pub(crate) name: String,
    pub(crate) version: &'static str,
    /// The project, as an address.
    pub(crate) root: String,
    pub(crate) watchers: Watchers,
    pub(crate) changes: watch::Sender<Changes>,
    /// Who answers.
    pub(crate) answerers: Answerers,
    /// Somebody may fill in forms.
    pub(crate) may_ask: bool,
    /// The model may be asked.
    pub(crate) may_sample: bool,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.roots = Some(RootsCapabilities::default());
        if self.may_sample {
            capabilities.sampling = Some(SamplingCapability::default());
        }
        if self.may_ask {
            let form = FormElicitationCapability::default();
            capabilities.elicitation = Some(ElicitationCapability::new().with_form(form));
        }
        // Parity: integrations.md §A2; no newer version is offered.
        ClientConfig::new(capabilities, Implementation::new("opencode", self.version))
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new(self.root.clone())]))
    }

    async fn create_elicitation(
        &self,
        asked: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        if !self.may_ask {
            return Err(not_found("elicitation/create"));
        }
        let ElicitRequestParams::FormElicitationParams {
            message,
            requested_schema,
            ..
        } = asked
        else {
            return Err(ErrorData::invalid_params(
                "Only forms can be filled in here",
                None,
            ));
        };
        let schema = serde_json::to_value(requested_schema).unwrap_or_default();
        let Some(form) = Form::read(&self.name, message, &schema) else {
            return Err(ErrorData::invalid_params(
                "The form has fields that cannot be filled in here",
                None,
            ));
        };
        Ok(match self.answerers.fill_in(form).await {
            Filled::Accepted(values) => {
                ElicitResult::new(ElicitationAction::Accept).with_content(values.into())
            }
            Filled::Declined => ElicitResult::new(ElicitationAction::Decline),
            Filled::Cancelled => ElicitResult::new(ElicitationAction::Cancel),
        })
    }

    async fn create_message(
        &self,
        asked: CreateMessageRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        if !self.may_sample {
            return Err(not_found("sampling/createMessage"));
        }
        let asked = Sampling::read(&self.name, asked)?;
        sampling::result(tokio::select! {
            sampled = self.answerers.sample(asked) => sampled,
            () = context.ct.cancelled() => Err(Unsampled::Cancelled),
        })
    }

    async fn on_progress(&self, said: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let progress = Progress {
            progress: said.progress,
            total: said.total,
            message: said.message,
        };
        self.watchers.tell(&said.progress_token, progress);
    }

    async fn on_logging_message(
        &self,
        said: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let server = self.name.as_str();
        let logger = said.logger.as_deref().unwrap_or_default();
        let data: String = said.data.to_string().chars().take(4000).collect();
        match said.level {
            LoggingLevel::Debug => tracing::debug!(server, logger, data, "an MCP server tells"),
            LoggingLevel::Info | LoggingLevel::Notice => {
                tracing::info!(server, logger, data, "an MCP server tells");
            }
            LoggingLevel::Warning => tracing::warn!(server, logger, data, "an MCP server tells"),
            _ => tracing::error!(server, logger, data, "an MCP server tells"),
        }
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.send_modify(|changes| changes.tools += 1);
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.send_modify(|changes| changes.prompts += 1);
    }

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.send_modify(|changes| changes.resources += 1);
    }
}

fn not_found(method: &'static str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None)
}
