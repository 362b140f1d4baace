//! Where a command listens and who may ask: flags, then the global configuration, then what is usual
//! (reference `http-api.md` §1).

use opencode_config::environment::variable;
use opencode_config::{Environment, Paths};
use opencode_schema::config::ServerConfig;
use opencode_server::{Options, Password, Token};

use crate::arguments::Network;
use crate::context::Context;
use crate::failure::Failure;

const USUAL_HOST: &str = "127.0.0.1";
/// Every interface: whoever tells the network of a server means it to be reached.
const EVERY_HOST: &str = "0.0.0.0";
const USUAL_DOMAIN: &str = "opencode.local";

/// How to listen.
pub(crate) fn options(context: &Context, flags: Network) -> Result<Options, Failure> {
    let environment = &context.environment;
    let configured = configured(&context.paths, environment);
    let safety = opencode_config::server_safety(&context.paths, environment)
        .map_err(|error| Failure::told(error.to_string()))?;
    let insecure = flags.insecure || safety.insecure;
    let Place {
        hostname,
        port,
        mdns_domain,
        cors,
    } = Place::new(flags, configured);
    Ok(Options {
        hostname,
        port,
        mdns_domain,
        cors,
        password: environment.get(variable::SERVER_PASSWORD).map(|word| Password {
            username: environment
                .get(variable::SERVER_USERNAME)
                .unwrap_or("opencode")
                .to_owned(),
            password: word.to_owned(),
        }),
        token: environment
            .get(variable::SERVER_TOKEN)
            .map(|token| Token(token.to_owned())),
        directory: context.directory()?,
        version: env!("CARGO_PKG_VERSION"),
        audit: safety.audit,
        insecure,
    })
}

/// `server` of the global configuration. Parity: http-api.md §1, a project does not say where to listen;
/// and a configuration that is wrong is told to whoever asks for something that needs it.
fn configured(paths: &Paths, environment: &Environment) -> ServerConfig {
    match opencode_config::global(paths, environment) {
        Ok(global) => global
            .get("server")
            .and_then(|server| serde_json::from_value(server.clone()).ok())
            .unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "the global configuration is not used for listening");
            ServerConfig::default()
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Place {
    hostname: String,
    port: u16,
    mdns_domain: Option<String>,
    cors: Vec<String>,
}

impl Place {
    fn new(flags: Network, configured: ServerConfig) -> Self {
        let is_told = flags.mdns.or(configured.mdns).unwrap_or(false);
        let usual = if is_told { EVERY_HOST } else { USUAL_HOST };
        let hostname = flags.hostname.or(configured.hostname);
        let domain = flags.mdns_domain.or(configured.mdns_domain);
        Self {
            hostname: hostname.unwrap_or_else(|| usual.to_owned()),
            port: flags.port.or(configured.port).unwrap_or(0),
            mdns_domain: is_told.then(|| domain.unwrap_or_else(|| USUAL_DOMAIN.to_owned())),
            cors: [configured.cors.unwrap_or_default(), flags.cors].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn place(hostname: &str, port: u16, mdns_domain: Option<&str>, cors: &[&str]) -> Place {
        Place {
            hostname: hostname.to_owned(),
            port,
            mdns_domain: mdns_domain.map(str::to_owned),
            cors: cors.iter().map(|origin| (*origin).to_owned()).collect(),
        }
    }

    #[test]
    fn flags_win_over_configuration_and_origins_add_up() {
        let configured = || {
            serde_json::from_str::<ServerConfig>(
                r#"{"port": 7, "hostname": "box", "mdns": true, "mdnsDomain": "a.local", "cors": ["x"]}"#,
            )
            .unwrap()
        };
        let none = Network::default;
        let flags = Network {
            port: Some(8),
            hostname: Some("other".to_owned()),
            mdns: Some(false),
            mdns_domain: Some("b.local".to_owned()),
            cors: vec!["y".to_owned()],
            insecure: false,
        };
        let told = Network {
            mdns: Some(true),
            ..none()
        };
        for (name, flags, configured, wanted) in [
            (
                "usual",
                none(),
                ServerConfig::default(),
                place("127.0.0.1", 0, None, &[]),
            ),
            (
                "configured",
                none(),
                configured(),
                place("box", 7, Some("a.local"), &["x"]),
            ),
            ("both", flags, configured(), place("other", 8, None, &["x", "y"])),
            (
                "told",
                told,
                ServerConfig::default(),
                place("0.0.0.0", 0, Some("opencode.local"), &[]),
            ),
        ] {
            assert_eq!(Place::new(flags, configured), wanted, "{name}");
        }
    }
}
