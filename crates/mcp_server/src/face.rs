//! What a client may ask of the server, and who answers it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use axum::http::request::Parts;
use opencode_client::{Client, Error};
use rmcp::RoleServer;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    CompletionInfo, ErrorData, GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Reference,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::argument;
use crate::call::Call;
use crate::catalogue::{self, PROMPT, SESSION_LIST, SESSION_READ};
use crate::tool::failed;
use crate::{Deed, Listener, Options, command, session, tool, turn};

/// Requests of one client that are worked on at once.
const PLACES: usize = 64;

const INSTRUCTIONS: &str = "A coding agent that works in a project on this machine. `prompt` gives it work and waits \
                            for the answer; go on with the `sessionID` that comes back. The file tools work in the \
                            same project, under the permissions of its configuration.";

/// The server as one client sees it.
pub(crate) struct Face {
    client: Client,
    version: &'static str,
    listener: Option<Listener>,
    places: Arc<Semaphore>,
    /// The client has gone.
    pub(crate) gone: CancellationToken,
    /// What it began.
    pub(crate) calls: TaskTracker,
}

impl Face {
    pub(crate) fn new(options: Options) -> Self {
        Self::with(options, CancellationToken::new(), TaskTracker::new())
    }

    pub(crate) fn with(options: Options, gone: CancellationToken, calls: TaskTracker) -> Self {
        Self {
            client: options.client,
            version: options.version,
            listener: options.listener,
            places: Arc::new(Semaphore::new(PLACES)),
            gone,
            calls,
        }
    }

    async fn call(&self, wanted: CallToolRequestParams, mut call: Call) -> Result<CallToolResult, ErrorData> {
        macro_rules! arguments {
            () => {
                match argument::read(wanted.arguments) {
                    Ok(arguments) => arguments,
                    Err(reason) => return Ok(failed(reason)),
                }
            };
        }
        let unknown = || ErrorData::invalid_params(format!("There is no tool `{}`", wanted.name), None);
        let result = match &*wanted.name {
            PROMPT => turn::run(&mut call, arguments!()).await,
            SESSION_LIST => session::list(&call.client, arguments!()).await,
            SESSION_READ => session::read(&call.client, arguments!()).await,
            name if tool::is_offered(name) => tool::run(&call, name, wanted.arguments.clone())
                .await
                .ok_or_else(unknown)?,
            _ => return Err(unknown()),
        };
        call.progress.end().await;
        Ok(result)
    }
}

impl ServerHandler for Face {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .enable_completions()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("opencode", self.version).with_title("OpenCode"))
            .with_instructions(INSTRUCTIONS)
    }

    /// Those with a handshake: later ones have neither sessions nor requests of the server, by which alone users
    /// can be asked.
    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::known_up_to(
            &ProtocolVersion::LATEST_WITH_INITIALIZE,
        ))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let _place = self.place()?;
        let mut tools = catalogue::own();
        tools.extend(tool::list(&self.client).await.map_err(|error| internal(&error))?);
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let _place = self.place()?;
        let (tool, began) = (request.name.to_string(), Instant::now());
        // Who asks is known of requests over HTTP.
        let asked = context.extensions.get::<Parts>().cloned();
        let call = Call::new(self.client.clone(), context, self.gone.clone());
        let working = Box::pin(self.call(request, call));
        let result = self.calls.track_future(working).await;
        if let (Some(listener), Some(asked)) = (&self.listener, asked) {
            let structured = result
                .as_ref()
                .ok()
                .and_then(|result| result.structured_content.as_ref());
            let session = structured.and_then(|value| value.get("sessionID")?.as_str());
            let deed = Deed {
                tool,
                session: session.map(str::to_owned),
                failed: result
                    .as_ref()
                    .map_or(true, |result| result.is_error == Some(true)),
                took: began.elapsed(),
            };
            listener(&asked.extensions, &deed);
        }
        Ok(CallToolResponse::Complete(result?))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let _place = self.place()?;
        let resources = session::resources(&self.client)
            .await
            .map_err(|error| internal(&error))?;
        Ok(ListResourcesResult::with_all_items(resources))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(vec![
            session::template(),
        ]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let _place = self.place()?;
        let contents = session::resource(&self.client, &request.uri)
            .await
            .map_err(|error| internal(&error))?;
        let unknown = || ErrorData::resource_not_found(format!("There is no resource {}", request.uri), None);
        let contents = contents.ok_or_else(unknown)?;
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let _place = self.place()?;
        let values = match &request.r#ref {
            Reference::Resource(_) => session::ids(&self.client, &request.argument.value).await,
            // What commands are given is anything.
            _ => Ok(Vec::new()),
        };
        let completion = CompletionInfo::new(values.map_err(|error| internal(&error))?);
        let too_many = |reason| ErrorData::internal_error(reason, None);
        Ok(CompleteResult::new(completion.map_err(too_many)?))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let _place = self.place()?;
        let prompts = command::list(&self.client)
            .await
            .map_err(|error| internal(&error))?;
        Ok(ListPromptsResult::with_all_items(prompts))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let _place = self.place()?;
        let prompt = command::get(&self.client, &request.name, request.arguments.as_ref())
            .await
            .map_err(|error| internal(&error))?;
        let unknown = || ErrorData::invalid_params(format!("There is no command `{}`", request.name), None);
        Ok(prompt.ok_or_else(unknown)?.into())
    }
}

impl Face {
    /// A place for one more request.
    fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, ErrorData> {
        let full = |_| ErrorData::internal_error(format!("More than {PLACES} requests at once"), None);
        self.places.try_acquire().map_err(full)
    }
}

fn internal(error: &Error) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
