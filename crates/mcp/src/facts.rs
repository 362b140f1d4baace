//! What is noticed of a server beside its messages.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::authorization::Unauthorized;

/// What is noticed of a server beside its messages.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    skipped: AtomicU64,
    complaint: Mutex<Option<String>>,
    unauthorized: Mutex<Option<Unauthorized>>,
}

impl Facts {
    /// It wrote something that is no message.
    pub(crate) fn skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it did.
    pub(crate) fn skips(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// It complained.
    pub(crate) fn complained(&self, text: String) {
        if !text.trim().is_empty() {
            *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
    }

    /// Its last complaint.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A request was refused for want of a token.
    pub(crate) fn refused(&self, reason: Unauthorized) {
        *self.unauthorized.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// A request was not refused.
    pub(crate) fn accepted(&self) {
        *self.unauthorized.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why a request was refused for want of a token, if one was.
    pub(crate) fn refusal(&self) -> Option<Unauthorized> {
        self.unauthorized
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
