//! Providers and models (reference `http-api.md` §6.2).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Weak};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures_util::stream;
use indexmap::{IndexMap, IndexSet};
use opencode_catalog::{Catalog, login};
use opencode_schema::EventBody;
use opencode_schema::model::Provider;
use opencode_session::Location;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::compress;
use crate::error::ApiError;
use crate::extract::At;
use crate::listen::App;

/// Lists of locations that are kept.
const KEPT: usize = 4;
/// Bytes that a list is unpacked by.
const PIECE: usize = 64 * 1024;

#[derive(Serialize)]
pub(crate) struct Connected {
    providers: Vec<Arc<Provider>>,
    default: IndexMap<String, String>,
}

/// The providers that are connected, and the best model of each.
pub(crate) async fn connected(At(location): At) -> Result<Json<Connected>, ApiError> {
    look_around(&location).await;
    // The catalogue is read when it is first needed, which takes a moment.
    let made = tokio::task::spawn_blocking(move || {
        let catalog = &location.catalog;
        let ids = catalog.connected();
        let best = ids
            .iter()
            .filter_map(|id| Some((id.clone(), catalog.best_model(id)?.id)));
        Connected {
            default: best.collect(),
            providers: ids.iter().filter_map(|id| catalog.provider(id)).collect(),
        }
    });
    made.await.map(Json).map_err(|error| ApiError::unexpected(&error))
}

/// Asks providers that list their models themselves, and tells listeners when something has changed.
pub(crate) async fn look_around(location: &Location) {
    if location.catalog.discover().await {
        location.store.announce_now(EventBody::CatalogUpdated {});
    }
}

/// How one can log in, by provider.
pub(crate) async fn login_methods(State(app): State<App>, At(location): At) -> Json<Value> {
    let mut methods = login::listed(&location.config, app.engine.environment());
    if let Some(methods) = methods.as_object_mut() {
        methods.extend(location.plugin_logins().listed());
    }
    Json(methods)
}

/// Lists of all providers, packed: a list is some megabytes, and its parts take a second to make.
#[derive(Default)]
pub(crate) struct Providers(Mutex<VecDeque<Packed>>);

struct Packed {
    catalog: Weak<Catalog>,
    /// What the list was made with.
    stored: Vec<String>,
    /// How often the lists of providers had changed then.
    changes: u64,
    bytes: Bytes,
}

impl Providers {
    /// The packed list of a catalogue. Who comes while it is made waits for it.
    async fn of(&self, catalog: &Arc<Catalog>) -> Result<Bytes, ApiError> {
        let mut kept = self.0.lock().await;
        kept.retain(|packed| packed.catalog.strong_count() > 0);
        let asked = Arc::clone(catalog);
        let stored = tokio::task::spawn_blocking(move || asked.with_credential());
        let stored = stored.await.map_err(|error| ApiError::unexpected(&error))?;
        let of_catalog = Arc::downgrade(catalog);
        let changes = catalog.changes();
        let same = |packed: &&Packed| {
            packed.catalog.ptr_eq(&of_catalog) && packed.stored == stored && packed.changes == changes
        };
        if let Some(packed) = kept.iter().find(same) {
            return Ok(packed.bytes.clone());
        }
        let (asked, credentials) = (Arc::clone(catalog), stored.clone());
        let made = tokio::task::spawn_blocking(move || pack(&asked, &credentials));
        let bytes: Bytes = made
            .await
            .map_err(|error| ApiError::unexpected(&error))?
            .map_err(|error| ApiError::unexpected(&error))?
            .into();
        kept.retain(|packed| !packed.catalog.ptr_eq(&of_catalog));
        kept.truncate(KEPT - 1);
        kept.push_front(Packed {
            catalog: of_catalog,
            stored,
            changes,
            bytes: bytes.clone(),
        });
        Ok(bytes)
    }
}

/// Every provider that may be used, the first model of each, and which are connected.
pub(crate) async fn list(
    State(app): State<App>,
    At(location): At,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    look_around(&location).await;
    let packed = app.providers.of(&location.catalog).await?;
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let kind = [(CONTENT_TYPE, "application/json")];
    if compress::accepts(accepted.unwrap_or_default(), "gzip") {
        let encoded = [(CONTENT_ENCODING, "gzip"), (VARY, "Accept-Encoding")];
        return Ok((kind, encoded, packed).into_response());
    }
    let pieces = stream::unfold(Some(GzDecoder::new(io::Cursor::new(packed))), |decoder| async {
        let mut decoder = decoder?;
        let mut piece = Vec::with_capacity(PIECE);
        match decoder.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => None,
            Ok(_) => Some((Ok(Bytes::from(piece)), Some(decoder))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok((kind, [(VARY, "Accept-Encoding")], Body::from_stream(pieces)).into_response())
}

fn pack(catalog: &Catalog, stored: &[String]) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let mut default: IndexMap<String, String> = IndexMap::new();
    packed.write_all(b"{\"all\":[")?;
    let mut separator = "";
    for provider in catalog.known() {
        packed.write_all(separator.as_bytes())?;
        serde_json::to_writer(&mut packed, &provider)?;
        let first = Catalog::first_model(&provider);
        default.extend(first.map(|model| (provider.id.clone(), model.id.clone())));
        separator = ",";
    }
    let known = |id: &&String| default.contains_key(*id);
    let connected: IndexSet<String> = catalog
        .connected()
        .into_iter()
        .chain(stored.iter().filter(known).cloned())
        .collect();
    packed.write_all(b"],\"default\":")?;
    serde_json::to_writer(&mut packed, &default)?;
    packed.write_all(b",\"connected\":")?;
    serde_json::to_writer(&mut packed, &connected)?;
    packed.write_all(b"}")?;
    packed.finish()
}
