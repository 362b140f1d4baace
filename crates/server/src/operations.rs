//! The table of operations: what stands here has a route and an entry in `/doc`, and nothing else does.

use axum::Router;
use axum::http::Method;
use axum::middleware::map_response;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use crate::error::tagged::tagged;
use crate::listen::App;
use crate::routes::{
    api, config, control, copy, experimental, file, find, global, instance, lists, login, mcp, mcp_login,
    message, page, permission, project, provider, pty, question, session, sync, tui, vcs, workspace,
    worktree,
};
use crate::{compat, doc, error, events};

/// An operation.
pub(crate) struct Operation {
    /// Its id in the document.
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    route: MethodRouter<App>,
}

macro_rules! operations {
    ($($method:ident $path:literal $id:literal $handler:expr;)*) => {
        vec![$(Operation {
            id: $id,
            method: method(stringify!($method)),
            path: $path,
            route: $method($handler),
        }),*]
    };
}

fn method(name: &str) -> Method {
    match name {
        "post" => Method::POST,
        "patch" => Method::PATCH,
        "delete" => Method::DELETE,
        "put" => Method::PUT,
        _ => Method::GET,
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Operation> {
    operations! {
        get "/global/health" "global.health" global::health;
        get "/global/event" "global.event" events::global;
        get "/event" "event.subscribe" events::of_location;

        post "/global/dispose" "global.dispose" global::dispose;
        post "/instance/dispose" "instance.dispose" instance::dispose;
        get "/path" "path.get" instance::path;
        get "/agent" "app.agents" instance::agents;
        get "/config/providers" "config.providers" provider::connected;
        get "/command" "command.list" instance::commands;
        get "/skill" "app.skills" instance::skills;

        post "/log" "app.log" control::log;
        put "/auth/{providerID}" "auth.set" control::set_key;
        delete "/auth/{providerID}" "auth.remove" control::remove_key;

        get "/api/health" "v2.health.get" api::location::health;
        get "/api/location" "v2.location.get" api::location::get;
        get "/api/agent" "v2.agent.list" api::agent::list;
        get "/api/command" "v2.command.list" api::command::list;
        get "/api/skill" "v2.skill.list" api::skill::list;
        get "/api/reference" "v2.reference.list" api::reference::list;
        get "/api/provider" "v2.provider.list" api::provider::list;
        get "/api/provider/{providerID}" "v2.provider.get" api::provider::get;
        get "/api/model" "v2.model.list" api::model::list;
        get "/api/session" "v2.session.list" api::session::list;
        post "/api/session" "v2.session.create" api::session::create;
        get "/api/session/active" "v2.session.active" api::session::active;
        get "/api/session/{sessionID}" "v2.session.get" api::session::get;
        post "/api/session/{sessionID}/agent" "v2.session.switchAgent" api::session::switch_agent;
        post "/api/session/{sessionID}/model" "v2.session.switchModel" api::session::switch_model;
        post "/api/session/{sessionID}/prompt" "v2.session.prompt" api::session::prompt;
        post "/api/session/{sessionID}/wait" "v2.session.wait" api::session::wait;
        post "/api/session/{sessionID}/compact" "v2.session.compact" api::session::compact;
        post "/api/session/{sessionID}/interrupt" "v2.session.interrupt" api::session::interrupt;
        post "/api/session/{sessionID}/revert/stage" "v2.session.revert.stage" api::session::revert::stage;
        post "/api/session/{sessionID}/revert/clear" "v2.session.revert.clear" api::session::revert::clear;
        post "/api/session/{sessionID}/revert/commit" "v2.session.revert.commit" api::session::revert::commit;
        get "/api/session/{sessionID}/context" "v2.session.context" api::session::messages::context;
        get "/api/session/{sessionID}/message" "v2.session.messages" api::session::messages::list;
        get "/api/session/{sessionID}/message/{messageID}" "v2.session.message" api::session::messages::get;
        get "/api/session/{sessionID}/history" "v2.session.history" api::session::history::page;
        get "/api/session/{sessionID}/event" "v2.session.events" api::session::history::follow;
        post "/api/session/{sessionID}/permission" "v2.session.permission.create" api::session::asking::create_permission;
        get "/api/session/{sessionID}/permission" "v2.session.permission.list" api::session::asking::list_permissions;
        get "/api/session/{sessionID}/permission/{requestID}" "v2.session.permission.get" api::session::asking::get_permission;
        post "/api/session/{sessionID}/permission/{requestID}/reply" "v2.session.permission.reply" api::session::asking::reply_permission;
        get "/api/session/{sessionID}/question" "v2.session.question.list" api::session::asking::list_questions;
        post "/api/session/{sessionID}/question/{requestID}/reply" "v2.session.question.reply" api::session::asking::reply_question;
        post "/api/session/{sessionID}/question/{requestID}/reject" "v2.session.question.reject" api::session::asking::reject_question;
        get "/api/permission/request" "v2.permission.request.list" api::session::asking::all_permissions;
        get "/api/question/request" "v2.question.request.list" api::session::asking::all_questions;

        get "/api/integration" "v2.integration.list" api::integration::list;
        get "/api/integration/{integrationID}" "v2.integration.get" api::integration::get;
        post "/api/integration/{integrationID}/connect/key" "v2.integration.connect.key" api::integration::connect_key;
        post "/api/integration/{integrationID}/connect/oauth" "v2.integration.connect.oauth" api::integration::connect_oauth;
        get "/api/integration/attempt/{attemptID}" "v2.integration.attempt.status" api::integration::attempt;
        delete "/api/integration/attempt/{attemptID}" "v2.integration.attempt.cancel" api::integration::cancel;
        post "/api/integration/attempt/{attemptID}/complete" "v2.integration.attempt.complete" api::integration::complete;
        patch "/api/credential/{credentialID}" "v2.credential.update" api::credential::update;
        delete "/api/credential/{credentialID}" "v2.credential.remove" api::credential::remove;
        get "/api/fs/list" "v2.fs.list" api::fs::list;
        get "/api/fs/read/*" "v2.fs.read" api::fs::read;
        get "/api/fs/find" "v2.fs.find" api::fs::find;
        get "/api/event" "v2.event.subscribe" events::newer;
        get "/api/pty" "v2.pty.list" api::pty::list;
        post "/api/pty" "v2.pty.create" api::pty::create;
        get "/api/pty/{ptyID}" "v2.pty.get" api::pty::get;
        put "/api/pty/{ptyID}" "v2.pty.update" api::pty::update;
        delete "/api/pty/{ptyID}" "v2.pty.remove" api::pty::remove;
        post "/api/pty/{ptyID}/connect-token" "v2.pty.connectToken" api::pty::connect_token;
        get "/api/pty/{ptyID}/connect" "v2.pty.connect" api::pty::connect;

        get "/vcs" "vcs.get" vcs::get;
        get "/vcs/status" "vcs.status" vcs::status;
        get "/vcs/diff" "vcs.diff" vcs::diff;
        get "/vcs/diff/raw" "vcs.diff.raw" vcs::raw;
        post "/vcs/apply" "vcs.apply" vcs::apply;
        get "/find" "find.text" find::text;

        get "/project" "project.list" project::list;
        get "/project/current" "project.current" project::current;
        post "/project/git/init" "project.initGit" project::init_git;

        get "/file" "file.list" file::list;
        get "/file/content" "file.read" file::content;
        get "/file/status" "file.status" file::status;

        get "/permission" "permission.list" permission::list;
        get "/api/permission/saved" "v2.permission.saved.list" permission::saved;
        delete "/api/permission/saved/{id}" "v2.permission.saved.remove" permission::remove_saved;
        post "/permission/{requestID}/reply" "permission.reply" permission::reply;
        post "/session/{sessionID}/permissions/{permissionID}" "permission.respond" permission::respond;

        get "/question" "question.list" question::list;
        post "/question/{requestID}/reply" "question.reply" question::reply;
        post "/question/{requestID}/reject" "question.reject" question::reject;

        get "/session" "session.list" session::list;
        post "/session" "session.create" session::create;
        get "/session/status" "session.status" session::status;
        get "/session/{sessionID}" "session.get" session::get;
        patch "/session/{sessionID}" "session.update" session::update;
        delete "/session/{sessionID}" "session.delete" session::remove;
        get "/session/{sessionID}/children" "session.children" session::children;
        get "/session/{sessionID}/todo" "session.todo" session::todo;
        get "/session/{sessionID}/diff" "session.diff" session::diff;
        post "/session/{sessionID}/fork" "session.fork" session::fork;
        post "/session/{sessionID}/abort" "session.abort" session::abort;
        post "/session/{sessionID}/command" "session.command" message::command;
        post "/session/{sessionID}/init" "session.init" message::init;
        post "/session/{sessionID}/shell" "session.shell" message::shell;
        post "/session/{sessionID}/share" "session.share" session::share;
        delete "/session/{sessionID}/share" "session.unshare" session::unshare;
        post "/session/{sessionID}/summarize" "session.summarize" session::summarize;
        post "/session/{sessionID}/revert" "session.revert" session::revert;
        post "/session/{sessionID}/unrevert" "session.unrevert" session::unrevert;

        get "/session/{sessionID}/message" "session.messages" message::list;
        post "/session/{sessionID}/message" "session.prompt" message::prompt;
        post "/session/{sessionID}/prompt_async" "session.prompt_async" message::prompt_async;
        get "/session/{sessionID}/message/{messageID}" "session.message" message::get;
        delete "/session/{sessionID}/message/{messageID}" "session.deleteMessage" message::remove;
        patch "/session/{sessionID}/message/{messageID}/part/{partID}" "part.update" message::put_part;
        delete "/session/{sessionID}/message/{messageID}/part/{partID}" "part.delete" message::remove_part;

        get "/config" "config.get" config::get;
        patch "/config" "config.update" config::change;
        get "/global/config" "global.config.get" config::get_global;
        patch "/global/config" "global.config.update" config::change_global;
        get "/find/file" "find.files" find::names;
        get "/find/symbol" "find.symbols" find::symbols;
        patch "/project/{projectID}" "project.update" project::update;
        get "/project/{projectID}/directories" "project.directories" project::directories;
        get "/provider" "provider.list" provider::list;
        get "/provider/auth" "provider.auth" provider::login_methods;
        post "/provider/{providerID}/oauth/authorize" "provider.oauth.authorize" login::authorize;
        post "/provider/{providerID}/oauth/callback" "provider.oauth.callback" login::complete;
        get "/lsp" "lsp.status" lists::language_servers;
        get "/formatter" "formatter.status" lists::formatters;
        get "/mcp" "mcp.status" mcp::statuses;
        post "/mcp" "mcp.add" mcp::add;
        post "/mcp/{name}/connect" "mcp.connect" mcp::connect;
        post "/mcp/{name}/disconnect" "mcp.disconnect" mcp::disconnect;
        post "/mcp/{name}/auth" "mcp.auth.start" mcp_login::start;
        delete "/mcp/{name}/auth" "mcp.auth.remove" mcp_login::remove;
        post "/mcp/{name}/auth/callback" "mcp.auth.callback" mcp_login::callback;
        post "/mcp/{name}/auth/authenticate" "mcp.auth.authenticate" mcp_login::authenticate;
        get "/experimental/tool" "tool.list" lists::tools;
        get "/experimental/tool/ids" "tool.ids" lists::tool_ids;
        get "/experimental/resource" "experimental.resource.list" mcp::resources;
        get "/experimental/capabilities" "experimental.capabilities.get" lists::capabilities;
        get "/experimental/console" "experimental.console.get" lists::console;
        get "/experimental/console/orgs" "experimental.console.listOrgs" lists::console_organisations;
        get "/pty/shells" "pty.shells" pty::shells;
        get "/pty" "pty.list" pty::list;
        post "/pty" "pty.create" pty::create;
        get "/pty/{ptyID}" "pty.get" pty::get;
        put "/pty/{ptyID}" "pty.update" pty::update;
        delete "/pty/{ptyID}" "pty.remove" pty::remove;
        post "/pty/{ptyID}/connect-token" "pty.connectToken" pty::connect_token;
        get "/pty/{ptyID}/connect" "pty.connect" pty::connect;

        post "/tui/append-prompt" "tui.appendPrompt" tui::append_prompt;
        post "/tui/open-help" "tui.openHelp" tui::open_help;
        post "/tui/open-sessions" "tui.openSessions" tui::open_sessions;
        post "/tui/open-themes" "tui.openThemes" tui::open_themes;
        post "/tui/open-models" "tui.openModels" tui::open_models;
        post "/tui/submit-prompt" "tui.submitPrompt" tui::submit_prompt;
        post "/tui/clear-prompt" "tui.clearPrompt" tui::clear_prompt;
        post "/tui/execute-command" "tui.executeCommand" tui::execute_command;
        post "/tui/show-toast" "tui.showToast" tui::show_toast;
        post "/tui/publish" "tui.publish" tui::publish;
        post "/tui/select-session" "tui.selectSession" tui::select_session;

        get "/tui/control/next" "tui.control.next" tui::next_order;
        post "/tui/control/response" "tui.control.response" tui::answer_order;
        get "/experimental/session" "experimental.session.list" experimental::sessions;
        post "/experimental/session/{sessionID}/background" "experimental.session.background" experimental::background;

        get "/experimental/worktree" "worktree.list" worktree::list;
        post "/experimental/worktree" "worktree.create" worktree::create;
        delete "/experimental/worktree" "worktree.remove" worktree::remove;
        post "/experimental/worktree/reset" "worktree.reset" worktree::reset;
        post "/experimental/project/{projectID}/copy" "v2.projectCopy.create" copy::create;
        delete "/experimental/project/{projectID}/copy" "v2.projectCopy.remove" copy::remove;
        post "/experimental/project/{projectID}/copy/refresh" "v2.projectCopy.refresh" copy::refresh;
        post "/experimental/project/{projectID}/copy/generate-name" "experimental.projectCopy.generateName" copy::generate_name;
        post "/experimental/control-plane/move-session" "experimental.controlPlane.moveSession" workspace::move_session;

        post "/sync/history" "sync.history.list" sync::history;
        post "/sync/replay" "sync.replay" sync::replay;
        post "/sync/steal" "sync.steal" sync::steal;
        post "/sync/start" "sync.start" sync::start;
        get "/experimental/workspace/adapter" "experimental.workspace.adapter.list" workspace::adapters;
        get "/experimental/workspace" "experimental.workspace.list" workspace::list;
        post "/experimental/workspace" "experimental.workspace.create" workspace::create;
        get "/experimental/workspace/status" "experimental.workspace.status" workspace::statuses;
        post "/experimental/workspace/sync-list" "experimental.workspace.syncList" workspace::list_anew;
        delete "/experimental/workspace/{id}" "experimental.workspace.remove" workspace::remove;
        post "/experimental/workspace/warp" "experimental.workspace.warp" workspace::warp;
    }
}

/// A path of the contract as the router has it: `*` stands for the rest.
fn routed(path: &str) -> String {
    path.strip_suffix('*')
        .map_or_else(|| path.to_owned(), |start| format!("{start}{{*rest}}"))
}

/// The routes of all operations, of the document that lists them, and of the page for people.
pub(crate) fn router() -> Router<App> {
    let mut router = Router::new()
        .route("/", get(page::get))
        .route("/doc", get(doc::get));
    for Operation { path, route, .. } in all() {
        router = match path.starts_with("/api/") {
            true => router.route(&routed(path), route.layer(map_response(tagged))),
            false => router.route(path, route),
        };
    }
    router
        .merge(compat::router())
        .fallback(|| async { error::ApiError::not_found("There is nothing at this address") })
}
