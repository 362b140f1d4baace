//! The page at `/`: the sessions of a location, one of them live, and a box for prompts. It uses the same
//! operations as every other client.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

const PAGE: &str = include_str!("page.html");
/// Stands in the page where its secret goes.
const PLACE: &str = "{nonce}";

/// Gives the page. Only the script and the style that it carries itself run: they bear a word that is made
/// anew for each answer.
pub(crate) async fn get() -> Result<Response, ApiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::unexpected(&error))?;
    let nonce = hex::encode(bytes);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let page = PAGE.replace(PLACE, &nonce);
    Ok((headers, [(CONTENT_SECURITY_POLICY, policy)], page).into_response())
}
