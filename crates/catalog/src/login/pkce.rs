//! What keeps a login from being taken over: random words, and proof of who began it (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::LoginError;

/// A secret word, and what may be shown of it.
#[derive(Clone)]
pub(super) struct Pkce {
    pub(super) verifier: String,
    pub(super) challenge: String,
}

impl Pkce {
    pub(super) fn new() -> Result<Self, LoginError> {
        let verifier = random_word()?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        Ok(Self { verifier, challenge })
    }
}

/// 43 random characters.
pub(super) fn random_word() -> Result<String, LoginError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| LoginError::Failed {
        reason: format!("there is no randomness: {error}"),
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_hash_of_the_verifier() {
        let one = Pkce::new().unwrap();
        assert_eq!(one.verifier.len(), 43);
        assert_eq!(
            one.challenge,
            URL_SAFE_NO_PAD.encode(Sha256::digest(one.verifier.as_bytes()))
        );
        assert_ne!(one.verifier, Pkce::new().unwrap().verifier);
    }
}
