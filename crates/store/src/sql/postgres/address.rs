//! Where a PostgreSQL database is, and how one gets there.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::{Client, Config, NoTls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may leave what was sent without a sign.
const SILENCE: Duration = Duration::from_secs(30);

/// A database on a PostgreSQL server. Prints without its password.
#[derive(Clone)]
pub struct ServerAddress {
    config: Arc<Config>,
    verify: Verify,
}

/// Whose certificate is taken, in the words of libpq's `sslmode`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verify {
    /// Anybody's: `prefer` and `require`.
    Nobody,
    /// That of the host, by the authorities of the system or of a file: `verify-full`, and `verify-ca` too.
    Host(Option<PathBuf>),
}

impl ServerAddress {
    /// Reads an address, `postgres://user:password@host:port/database?…`, in the form of libpq
    /// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>).
    ///
    /// # Errors
    /// [`Error::Address`] says what is wrong with it, without repeating it.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Address { reason };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("it does not begin with postgres://".to_owned()));
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut verify, mut roots, mut rest) = (false, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "verify-full" | "verify-ca")) => {
                    verify = true;
                    rest.push("sslmode=require");
                }
                Some(("sslrootcert", path)) => roots = Some(PathBuf::from(path)),
                _ => rest.push(pair),
            }
        }
        let mut config = Config::from_str(&format!("{place}?{}", rest.join("&")))
            .map_err(|error| wrong(crate::error::whole(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host".to_owned()));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(Duration::from_secs(10));
        config.tcp_user_timeout(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("opencode");
        }
        let verify = match verify || roots.is_some() {
            true => Verify::Host(roots),
            false => Verify::Nobody,
        };
        Ok(Self {
            config: Arc::new(config),
            verify,
        })
    }

    pub(super) fn connect(&self) -> Result<Client, Error> {
        let connected = match self.config.get_ssl_mode() {
            SslMode::Disable => self.config.connect(NoTls),
            _ => self.config.connect(MakeRustlsConnect::new(self.tls()?)),
        };
        connected.map_err(|error| Error::server(self, &error))
    }

    fn tls(&self) -> Result<ClientConfig, Error> {
        let wrong = |error: &dyn std::error::Error| Error::Address {
            reason: format!("TLS cannot be set up: {}", crate::error::whole(error)),
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error))?;
        Ok(match &self.verify {
            Verify::Nobody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
                .with_no_client_auth(),
            Verify::Host(None) => builder
                .with_platform_verifier()
                .map_err(|error| wrong(&error))?
                .with_no_client_auth(),
            Verify::Host(Some(path)) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
                    let certificate = certificate.map_err(|error| wrong(&error))?;
                    roots.add(certificate).map_err(|error| wrong(&error))?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        })
    }
}

impl PartialEq for ServerAddress {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for ServerAddress {}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = self.config.get_dbname().unwrap_or_default();
        write!(f, "postgres://{host}:{port}/{database}")
    }
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerAddress({self})")
    }
}

/// Takes every certificate: what is sent is encrypted, but nobody knows who reads it. It is what `sslmode=require`
/// means.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_without_their_password() {
        let address =
            ServerAddress::parse("postgres://anna:secret@db.example:6000/team?sslmode=verify-full").unwrap();
        assert_eq!(address.to_string(), "postgres://db.example:6000/team");
        assert!(!format!("{address:?}").contains("secret"));
        assert_eq!(address.verify, Verify::Host(None));
    }

    #[test]
    fn what_is_no_address_is_told_without_repeating_it() {
        for url in [
            "mysql://anna:secret@host/db",
            "postgres://",
            "postgres://anna:secret@host:port/db",
            "postgres://anna:secret@host/db?sslmode=maybe",
        ] {
            let error = ServerAddress::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
