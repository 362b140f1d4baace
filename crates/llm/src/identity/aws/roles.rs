//! Keys for a role, from Amazon's token service.

use std::path::Path;

use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::{Keys, Lease, moment, read_file};
use crate::identity::http::{Http, Question, Reply};
use crate::identity::{Aws, Failure, Letter, sigv4};

const VERSION: &str = "2011-06-15";
const SESSION: &str = "opencode";
const MOST: u64 = 64 * 1024;

fn address(aws: &Aws) -> Result<Url, Failure> {
    let address = aws.surroundings.get("AWS_ENDPOINT_URL_STS").map_or_else(
        || format!("https://sts.{}.amazonaws.com/", aws.region),
        str::to_owned,
    );
    Url::parse(&address).map_err(|_| Failure::None(format!("{address} is no address")))
}

/// By a token that someone else gave, in a file.
pub(super) async fn with_web_identity(
    aws: &Aws,
    http: &Http<'_>,
    file: &Path,
    role: &str,
    session: Option<&str>,
) -> Result<Lease, Failure> {
    let token = read_file(file, MOST)
        .await
        .map_err(|error| Failure::None(format!("the web identity cannot be read: {error}")))?;
    let question = Question::form(
        address(aws)?,
        &[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", VERSION),
            ("RoleArn", role),
            ("RoleSessionName", session.unwrap_or(SESSION)),
            ("WebIdentityToken", token.trim()),
        ],
    );
    lease(&http.ask(question).await?, role)
}

/// By keys of someone who may take the role.
pub(super) async fn with_keys(
    aws: &Aws,
    http: &Http<'_>,
    keys: &Keys,
    role: &str,
    session: Option<&str>,
    external_id: Option<&str>,
) -> Result<Lease, Failure> {
    let mut fields = vec![
        ("Action", "AssumeRole"),
        ("Version", VERSION),
        ("RoleArn", role),
        ("RoleSessionName", session.unwrap_or(SESSION)),
    ];
    fields.extend(external_id.map(|id| ("ExternalId", id)));
    let mut question = Question::form(address(aws)?, &fields);
    let mut headers = HeaderMap::new();
    let letter = Letter {
        url: &mut question.url,
        headers: &mut headers,
        body: question.body.as_deref().unwrap_or_default().as_bytes(),
    };
    sigv4::sign(letter, keys, &aws.region, "sts", &sigv4::now())
        .map_err(|what| Failure::None(format!("the keys cannot be used: {what}")))?;
    for name in ["x-amz-date", "x-amz-security-token", "authorization"] {
        let value = headers.get(name).map(HeaderValue::as_bytes);
        if let Some(value) = value {
            question = question.header(name, String::from_utf8_lossy(value));
        }
    }
    lease(&http.ask(question).await?, role)
}

fn lease(reply: &Reply, role: &str) -> Result<Lease, Failure> {
    if !reply.is_good() {
        return Err(Failure::None(format!(
            "the role {role} is not given: {}",
            reply.short()
        )));
    }
    let field = |name: &str| element(&reply.body, name);
    match (field("AccessKeyId"), field("SecretAccessKey")) {
        (Some(id), Some(secret)) => {
            let keys = Keys {
                id: id.to_owned(),
                secret: secret.into(),
                session: field("SessionToken").map(SecretString::from),
            };
            Ok((keys, field("Expiration").and_then(moment)))
        }
        _ => Err(Failure::None(format!(
            "the answer for the role {role} holds no keys"
        ))),
    }
}

/// The words in the first element of a name. Keys hold nothing that would be escaped.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner.trim()).filter(|inner| !inner.is_empty())
}
