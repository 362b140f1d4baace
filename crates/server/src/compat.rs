//! The further surface for programs that are no clients of the reference: sessions, chat, models, tools,
//! configuration and files, in plain forms (reference `seed-http.md`).
//!
//! Thin over the same engine as everything else. It has a table of its own, which makes its routes and its
//! document at `/doc/compat`, so that `/doc` stays what the reference's clients know.

mod attempt;
mod chat;
mod config;
mod doc;
mod file;
mod form;
mod index;
mod job;
mod model;
mod permission;
mod search;
mod session;
mod tool;
mod upload;
mod user;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::routing::{MethodRouter, any, delete, get, post};
use schemars::Schema;

use crate::error::{ApiError, tagged};
use crate::listen::App;

pub(crate) use chat::Chats;

/// What an operation takes or gives, for the document.
enum Input {
    Query(Schema),
    Body(Schema),
}

/// An operation.
struct Operation {
    id: &'static str,
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// Media type of the answer.
    answers: &'static str,
    inputs: Vec<Input>,
    route: MethodRouter<App>,
}

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
const EVENTS: &str = "text/event-stream";
/// A socket has no answer; this is what its frames are.
const FRAMES: &str = "application/json; frames";

macro_rules! operations {
    ($($method:ident $path:literal $id:literal $answers:ident $summary:literal
       $handler:expr $(, $kind:ident $input:ty)*;)*) => {
        vec![$(Operation {
            id: $id,
            method: stringify!($method),
            path: $path,
            summary: $summary,
            answers: $answers,
            inputs: vec![$(Input::$kind(doc::schema_of::<$input>())),*],
            route: $method($handler),
        }),*]
    };
}

fn all() -> Vec<Operation> {
    operations! {
        get "/api/sessions" "sessions.list" JSON "Sessions, the last touched first"
            session::list, Query session::Listed;
        post "/api/sessions" "sessions.create" JSON "Makes a session"
            session::create, Body session::Creation;
        get "/api/sessions/{id}" "sessions.get" JSON "A session with its newest messages"
            session::get, Query session::Shown;
        get "/api/sessions/{id}/spending" "sessions.spending" JSON "What a session spent, and what it may spend"
            session::spending;
        get "/api/sessions/{id}/attempt" "sessions.attempt" JSON
            "What a durable session was in the middle of when its program was killed, or null" attempt::get;
        post "/api/sessions/{id}/attempt/retry" "sessions.attempt.retry" JSON "Lets the model go on with it"
            attempt::retry;
        post "/api/sessions/{id}/attempt/abandon" "sessions.attempt.abandon" JSON "Ends it as it is"
            attempt::abandon;
        post "/api/session/{sessionID}/shell" "durable.shell" JSON
            "Runs a command line of the user in a durable session" user::shell, Body user::CommandLine;
        post "/api/session/{sessionID}/skill" "durable.skill" JSON
            "Calls for a skill in a durable session as the user" user::skill, Body user::SkillCall;
        get "/api/session/{sessionID}/job" "durable.job.list" JSON
            "What a session has in the background or had there" job::list;
        get "/api/session/{sessionID}/job/{jobID}" "durable.job.get" JSON "One of them" job::get;
        post "/api/session/{sessionID}/job/{jobID}/cancel" "durable.job.cancel" JSON
            "Stops it with everything that belongs to it" job::cancel;
        delete "/api/sessions/{id}" "sessions.delete" JSON "Deletes a session and those that it started"
            session::remove;

        post "/api/chat/message" "chat.message" JSON "Says something and answers when the turn has ended"
            chat::message, Query chat::Patience, Body chat::Said;
        post "/api/chat/stream" "chat.stream" EVENTS "Says something and tells what happens"
            chat::stream::begin, Body chat::Said;
        get "/api/chat/stream" "chat.resume" EVENTS "Tells what happens after an event, or from now on"
            chat::stream::resume, Query chat::stream::Resumed;
        get "/api/chat/ws" "chat.socket" FRAMES "Says things and is told what happens, in both directions"
            chat::socket::open;

        get "/api/models" "models.list" JSON "Providers and their models" model::list, Query model::Filter;

        get "/api/tools" "tools.list" JSON "The tools and what the rules say of them" tool::list, Query tool::Wanted;
        post "/api/tools/execute" "tools.execute" JSON "Runs a tool" tool::execute, Body tool::Execution;

        post "/api/permissions/saved" "permissions.save" JSON "Keeps an approval for the project"
            permission::save, Body permission::Approval;
        get "/api/permissions/explain" "permissions.explain" JSON "Why something is allowed, asked or forbidden"
            permission::explain, Query permission::Matter;
        get "/api/permissions/audit" "permissions.audit" JSON "What was decided for a session"
            permission::audit, Query permission::Audited;

        get "/api/config" "config.effective" JSON "The configuration in effect, without its secrets" config::get;

        get "/api/files/list" "files.list" JSON "What is in a folder" file::list, Query file::Listed;
        get "/api/files/read" "files.read" JSON "A file, or lines of it" file::read, Query file::Page;
        post "/api/files/write" "files.write" JSON "Writes a file" file::write, Body file::Writing;
        post "/api/files/search" "files.search" JSON "Finds lines, or files by name" search::search, Body search::Search;
        get "/find/semantic" "index.search" JSON "Finds pieces of code by what is meant"
            index::search, Query index::Asked;
        get "/index/status" "index.status" JSON "How much the search index holds" index::status;
        post "/index/build" "index.build" JSON "Takes in everything that has changed" index::build;
        post "/api/files/upload" "files.upload" JSON "Takes files, as a form or one as it is"
            upload::take, Query upload::Raw;
        get "/api/files/upload/{id}" "files.uploaded" BYTES "A file that was taken" upload::give;
    }
}

/// The routes of all operations, and of the document that lists them. Within `/api/` every other address is
/// told to be unknown in this form, too.
pub(crate) fn router() -> Router<App> {
    let mut router = Router::new().route("/doc/compat", get(doc::get));
    for operation in all() {
        router = router.route(operation.path, operation.route);
    }
    let unknown = || async { ApiError::not_found("There is nothing at this address") };
    router
        .route("/api", any(unknown))
        .route("/api/{*rest}", any(unknown))
        // Those who read bodies have limits of their own.
        .layer(DefaultBodyLimit::disable())
        .layer(map_response(tagged::tagged))
}
