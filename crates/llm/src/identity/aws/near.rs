//! Keys of the container or the machine that the program runs in.

use std::path::Path;

use url::{Host, Url};

use super::{Lease, Written, read_file};
use crate::identity::http::{Http, Question};
use crate::identity::{Failure, Surroundings};

const CONTAINER: &str = "http://169.254.170.2";
const MACHINE: &str = "http://169.254.169.254";
const TOKEN_PATH: &str = "/latest/api/token";
const ROLES_PATH: &str = "/latest/meta-data/iam/security-credentials/";
/// As long as the machine's token is asked for, in seconds.
const TOKEN_LIFETIME: &str = "21600";
const MOST: u64 = 64 * 1024;

/// What the container's own service gives out; `None` where no variable names one.
pub(super) async fn from_container(
    surroundings: &Surroundings,
    http: &Http<'_>,
) -> Result<Option<Lease>, Failure> {
    let relative = surroundings.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let address = match (relative, surroundings.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        (Some(path), _) => format!("{CONTAINER}{path}"),
        (None, Some(address)) => address.to_owned(),
        (None, None) => return Ok(None),
    };
    let url = Url::parse(&address).map_err(|_| Failure::None(format!("{address} is no address")))?;
    if url.scheme() != "https" && !is_near(&url) {
        return Err(Failure::None(format!(
            "{} is neither on this machine nor protected, and is not asked for keys",
            crate::target::shown(&url)
        )));
    }
    // The service may have to ask others, so that it gets the time of one on the network.
    let near = url.scheme() != "https";
    let mut question = Question {
        near,
        ..Question::get(url)
    };
    let token =
        match surroundings.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(path) => {
                let text = read_file(Path::new(path), MOST).await;
                Some(text.map_err(|error| {
                    Failure::None(format!("the container's token cannot be read: {error}"))
                })?)
            }
            None => surroundings
                .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
                .map(str::to_owned),
        };
    if let Some(token) = token {
        question = question.header("authorization", token.trim());
    }
    let reply = http.ask(question).await?;
    if !reply.is_good() {
        return Err(Failure::None(format!(
            "the container gives no keys: {}",
            reply.short()
        )));
    }
    written(&reply.body, "the container").map(Some)
}

fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => {
            address.is_loopback() || matches!(address.octets(), [169, 254, 170, 2 | 23])
        }
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]
        }
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The keys of the machine's role; `None` where the machine is none of Amazon's, or has no role.
pub(super) async fn from_machine(
    surroundings: &Surroundings,
    http: &Http<'_>,
) -> Result<Option<Lease>, Failure> {
    if surroundings
        .get("AWS_EC2_METADATA_DISABLED")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        return Ok(None);
    }
    let base = surroundings
        .get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        .unwrap_or(MACHINE);
    let base = base.trim_end_matches('/');
    let url = |path: &str| {
        Url::parse(&format!("{base}{path}")).map_err(|_| Failure::None(format!("{base} is no address")))
    };
    let mut question = Question::get(url(TOKEN_PATH)?)
        .near()
        .header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFETIME);
    question.method = reqwest::Method::PUT;
    let Ok(token) = http.ask(question).await else {
        return Ok(None);
    };
    if !token.is_good() {
        return Ok(None);
    }
    let token = token.body.trim();
    let ask = async |path: String| {
        let question = Question::get(url(&path)?).near();
        http.ask(question.header("x-aws-ec2-metadata-token", token)).await
    };
    let roles = ask(ROLES_PATH.to_owned()).await?;
    let Some(role) = roles
        .body
        .lines()
        .next()
        .map(str::trim)
        .filter(|_| roles.is_good())
    else {
        return Ok(None);
    };
    let reply = ask(format!("{ROLES_PATH}{role}")).await?;
    if !reply.is_good() {
        return Err(Failure::None(format!(
            "the machine gives no keys: {}",
            reply.short()
        )));
    }
    written(&reply.body, "the machine").map(Some)
}

fn written(body: &str, who: &str) -> Result<Lease, Failure> {
    // Words of the parser may show what the answer holds.
    let written: Written = serde_json::from_str(body)
        .map_err(|_| Failure::None(format!("{who} gives something else than keys")))?;
    Ok(written.lease())
}
