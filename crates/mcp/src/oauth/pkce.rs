//! Random words, and proof of who began a login (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::error::OAuthError;

/// A secret word that is shown when the code is turned in.
#[derive(Clone, Debug)]
pub(super) struct Verifier(pub(super) SecretString);

impl Verifier {
    pub(super) fn new() -> Result<Self, OAuthError> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random()?).into()))
    }

    /// What may be shown of it before.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose_secret()))
    }
}

/// What ties an answer of a browser to the login that it is for: 64 hexadecimal digits.
pub(super) fn state() -> Result<String, OAuthError> {
    Ok(hex::encode(random()?))
}

fn random() -> Result<[u8; 32], OAuthError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| OAuthError::NoRandomness(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_random_and_challenges_their_hash() {
        // RFC 7636, appendix B.
        let known = Verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        assert_eq!(known.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let one = Verifier::new().unwrap();
        assert_eq!(one.0.expose_secret().len(), 43);
        assert_ne!(one.challenge(), Verifier::new().unwrap().challenge());
        let state = state().unwrap();
        assert!(
            state.len() == 64
                && state
                    .chars()
                    .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
        );
    }
}
