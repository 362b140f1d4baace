//! Clouds: providers that are reached by more than an address and a key (reference `providers.md` §3.3–3.4).
//!
//! Amazon Bedrock wants a region, which also changes the names of models, and signed requests; Vertex AI a
//! project and a location, and tokens. Where these come from is said here as data for
//! [`opencode_llm::identity`], which looks them up when a request goes out.

use opencode_config::Environment;
use opencode_config::credential::Credential;
use opencode_llm::identity::{Aws, Identity, Surroundings};
use opencode_llm::target::Target;
use opencode_schema::Object;
use opencode_schema::model::{Model, Provider};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::catalog::{Error, Sources};

const BEDROCK: &str = "amazon-bedrock";
const DEFAULT_REGION: &str = "us-east-1";
const BEARER: &str = "AWS_BEARER_TOKEN_BEDROCK";
/// Variables of which each says that there are keys of Amazon.
const AWS_SIGNS: [&str; 6] = [
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    BEARER,
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];
/// What tells who asks, beside what stands in files.
const AWS_VARIABLES: &[&str] = &["AWS_"];
const GOOGLE_VARIABLES: &[&str] = &[
    "GOOGLE_APPLICATION_CREDENTIALS",
    "CLOUDSDK_CONFIG",
    "APPDATA",
    "GCE_METADATA_",
    "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES",
    // An account of Amazon may be one that Google trusts.
    "AWS_",
];

/// A provider of Google's cloud.
struct Vertex {
    id: &'static str,
    /// Variables that name the project, the first that is set counts.
    project: &'static [&'static str],
    location: &'static [&'static str],
    default_location: &'static str,
}

const VERTEX: [Vertex; 2] = [
    Vertex {
        id: "google-vertex",
        project: &[
            "GOOGLE_VERTEX_PROJECT",
            "GOOGLE_CLOUD_PROJECT",
            "GCP_PROJECT",
            "GCLOUD_PROJECT",
        ],
        location: &[
            "GOOGLE_VERTEX_LOCATION",
            "GOOGLE_CLOUD_LOCATION",
            "VERTEX_LOCATION",
        ],
        default_location: "us-central1",
    },
    Vertex {
        id: "google-vertex-anthropic",
        project: &["GOOGLE_CLOUD_PROJECT", "GCP_PROJECT", "GCLOUD_PROJECT"],
        location: &["GOOGLE_CLOUD_LOCATION", "VERTEX_LOCATION"],
        default_location: "global",
    },
];
/// What the package itself reads where the provider's own variables say nothing.
const PACKAGE_PROJECT: &str = "GOOGLE_VERTEX_PROJECT";
const PACKAGE_LOCATION: &str = "GOOGLE_VERTEX_LOCATION";

/// Packages of Google's cloud, the folder of their models, and the version of the interface.
const VERTEX_PACKAGES: [(&str, &str); 2] = [
    (
        "@ai-sdk/google-vertex",
        "v1beta1/projects/{p}/locations/{l}/publishers/google",
    ),
    (
        "@ai-sdk/google-vertex/anthropic",
        "v1/projects/{p}/locations/{l}/publishers/anthropic/models",
    ),
];

/// Providers that may be connected by what is found in the surroundings, without a key of their own.
pub(crate) const IDS: [&str; 3] = [BEDROCK, VERTEX[0].id, VERTEX[1].id];

/// What connects a cloud, as options of the provider; `None` where nothing does.
pub(crate) fn found(id: &str, options: &Object, sources: &Sources) -> Option<Object> {
    let environment = &sources.environment;
    if id == BEDROCK {
        let configured = text(options, "profile").is_some() || text(options, "apiKey").is_some();
        let stored = matches!(sources.credentials.get(id), Some(Credential::Api { .. }));
        let signs = AWS_SIGNS.iter().any(|name| environment.get(name).is_some());
        return (configured || stored || signs).then(|| entries([("region", region(options, environment))]));
    }
    let vertex = VERTEX.iter().find(|vertex| vertex.id == id)?;
    let own = text(options, "project").filter(|_| vertex.id == VERTEX[0].id);
    let project = own.or_else(|| first(vertex.project, environment))?;
    Some(entries([
        ("project", project),
        ("location", location(vertex, options, environment)),
    ]))
}

fn entries<const N: usize>(entries: [(&str, &str); N]) -> Object {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Value::from(value)))
        .collect()
}

fn text<'a>(options: &'a Object, key: &str) -> Option<&'a str> {
    let value = options.get(key).and_then(Value::as_str).map(str::trim);
    value.filter(|value| !value.is_empty())
}

fn first<'a>(names: &[&str], environment: &'a Environment) -> Option<&'a str> {
    names.iter().find_map(|name| environment.get(name))
}

fn region<'a>(options: &'a Object, environment: &'a Environment) -> &'a str {
    text(options, "region")
        .or_else(|| environment.get("AWS_REGION"))
        .unwrap_or(DEFAULT_REGION)
}

fn project<'a>(vertex: &Vertex, options: &'a Object, environment: &'a Environment) -> Option<&'a str> {
    text(options, "project")
        .or_else(|| first(vertex.project, environment))
        .or_else(|| environment.get(PACKAGE_PROJECT))
}

fn location<'a>(vertex: &Vertex, options: &'a Object, environment: &'a Environment) -> &'a str {
    text(options, "location")
        .or_else(|| first(vertex.location, environment))
        .or_else(|| environment.get(PACKAGE_LOCATION))
        .unwrap_or(vertex.default_location)
}

/// The host of a location.
fn vertex_host(location: &str) -> String {
    match location {
        "global" => "aiplatform.googleapis.com".to_owned(),
        "eu" | "us" => format!("aiplatform.{location}.rep.googleapis.com"),
        _ => format!("{location}-aiplatform.googleapis.com"),
    }
}

fn surroundings(sources: &Sources, names: &[&str]) -> Surroundings {
    let wanted = |name: &str| names.iter().any(|prefix| name.starts_with(prefix));
    Surroundings {
        variables: sources
            .environment
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, value)| (name.to_owned(), SecretString::from(value)))
            .collect(),
        home: sources.paths.home.clone(),
    }
}

/// Values for `${NAME}` in addresses that the environment need not have.
pub(crate) fn names(model: &Model, provider: &Provider, sources: &Sources) -> Vec<(&'static str, String)> {
    let (options, environment) = (&provider.options, &sources.environment);
    if is_bedrock(model, provider) {
        return vec![("AWS_REGION", region(options, environment).to_owned())];
    }
    let Some(vertex) = VERTEX.iter().find(|vertex| vertex.id == provider.id) else {
        return Vec::new();
    };
    let location = location(vertex, options, environment);
    let mut names = vec![
        ("GOOGLE_VERTEX_LOCATION", location.to_owned()),
        ("GOOGLE_VERTEX_ENDPOINT", vertex_host(location)),
    ];
    if let Some(project) = project(vertex, options, environment) {
        names.push(("GOOGLE_VERTEX_PROJECT", project.to_owned()));
    }
    names
}

fn is_bedrock(model: &Model, provider: &Provider) -> bool {
    provider.id == BEDROCK || model.api.npm.starts_with("@ai-sdk/amazon-bedrock")
}

/// Completes a target of a cloud: address, name of the model, and where to find who asks. Other targets stay
/// as they are.
pub(crate) fn complete(
    target: &mut Target,
    model: &Model,
    provider: &Provider,
    sources: &Sources,
) -> Result<(), Error> {
    let blank = |key: &SecretString| key.expose_secret().trim().is_empty();
    if is_bedrock(model, provider) {
        if target.api_key.as_ref().is_some_and(blank) {
            target.api_key = None;
        }
        complete_bedrock(target, model, provider, sources);
        return Ok(());
    }
    let package = VERTEX_PACKAGES.iter().find(|(name, _)| *name == model.api.npm);
    let vertex = VERTEX.iter().find(|vertex| vertex.id == provider.id);
    if package.is_none() && vertex.is_none() {
        return Ok(());
    }
    let has_key = target.api_key.is_some();
    if target.base_url.is_none()
        && let Some((name, folder)) = package
        // With a key the service knows the project.
        && !(has_key && *name == VERTEX_PACKAGES[0].0)
    {
        let vertex = vertex.unwrap_or(&VERTEX[0]);
        let (options, environment) = (&provider.options, &sources.environment);
        let location = location(vertex, options, environment);
        let Some(project) = project(vertex, options, environment) else {
            return Err(Error::MissingSetting {
                provider_id: provider.id.clone(),
                option: "project".to_owned(),
                variables: vertex.project.iter().map(|name| (*name).to_owned()).collect(),
            });
        };
        let folder = folder.replace("{p}", project).replace("{l}", location);
        target.base_url = Some(format!("https://{}/{folder}", vertex_host(location)));
    }
    if !has_key {
        target.identity = Some(Identity::Google(surroundings(sources, GOOGLE_VARIABLES)));
    }
    Ok(())
}

fn complete_bedrock(target: &mut Target, model: &Model, provider: &Provider, sources: &Sources) {
    let options = &provider.options;
    let region = region(options, &sources.environment);
    if let Some(endpoint) = text(options, "endpoint") {
        target.base_url = Some(endpoint.to_owned());
    }
    let mantle = model.api.npm == MANTLE;
    let usual = if mantle {
        format!("https://bedrock-mantle.{region}.api.aws/v1")
    } else {
        format!("https://bedrock-runtime.{region}.amazonaws.com")
    };
    target.base_url.get_or_insert(usual);
    if !mantle {
        target.model_id = regional(&target.model_id, region);
    }
    if target.api_key.is_some() {
        return;
    }
    let keys = match (text(options, "accessKeyId"), text(options, "secretAccessKey")) {
        (Some(id), Some(secret)) => Some((
            id.to_owned(),
            SecretString::from(secret),
            text(options, "sessionToken").map(SecretString::from),
        )),
        _ => None,
    };
    target.identity = Some(Identity::Aws(Aws {
        region: region.to_owned(),
        service: if mantle { "bedrock-mantle" } else { "bedrock" },
        profile: text(options, "profile").map(str::to_owned),
        keys,
        surroundings: surroundings(sources, AWS_VARIABLES),
    }));
}

/// The package for OpenAI's protocols on Bedrock.
const MANTLE: &str = "@ai-sdk/amazon-bedrock/mantle";

/// Names that say where a model runs, or that it is no model of the list.
const PLACED: [&str; 7] = ["arn:", "global.", "us.", "eu.", "jp.", "apac.", "au."];

/// Models that run in several regions at once, by the region that is asked.
struct Spread {
    prefix: &'static str,
    in_region: fn(&str) -> bool,
    models: &'static [&'static str],
}

const ASIA: &[&str] = &["claude", "nova-lite", "nova-micro", "nova-pro"];

/// The first row that fits the region counts.
const SPREADS: [Spread; 5] = [
    Spread {
        prefix: "us",
        in_region: |region| region.starts_with("us-") && !region.starts_with("us-gov"),
        models: &[
            "nova-micro",
            "nova-lite",
            "nova-pro",
            "nova-premier",
            "nova-2",
            "claude",
            "deepseek.r1",
        ],
    },
    Spread {
        prefix: "eu",
        in_region: |region| {
            matches!(
                region,
                "eu-west-1"
                    | "eu-west-2"
                    | "eu-west-3"
                    | "eu-north-1"
                    | "eu-central-1"
                    | "eu-south-1"
                    | "eu-south-2"
            )
        },
        models: &["claude", "nova-lite", "nova-micro", "llama3", "pixtral"],
    },
    Spread {
        prefix: "au",
        in_region: |region| matches!(region, "ap-southeast-2" | "ap-southeast-4"),
        models: &["anthropic.claude-sonnet-4-5", "anthropic.claude-haiku"],
    },
    Spread {
        prefix: "jp",
        in_region: |region| region == "ap-northeast-1",
        models: ASIA,
    },
    Spread {
        prefix: "apac",
        in_region: |region| region.starts_with("ap-"),
        models: ASIA,
    },
];

/// The name under which a region has a model.
fn regional(id: &str, region: &str) -> String {
    if PLACED.iter().any(|prefix| id.starts_with(prefix)) {
        return id.to_owned();
    }
    let spread = SPREADS.iter().find(|spread| (spread.in_region)(region));
    match spread.filter(|spread| spread.models.iter().any(|name| id.contains(name))) {
        Some(spread) => format!("{}.{id}", spread.prefix),
        None => id.to_owned(),
    }
}

/// How much a model is preferred for small things: those that run anywhere, then those of the region. `None`
/// for one that runs elsewhere.
pub(crate) fn nearness(provider: &Provider, model_id: &str) -> Option<u8> {
    if provider.id != BEDROCK {
        return Some(0);
    }
    let region = text(&provider.options, "region").unwrap_or_default();
    let prefix = region.split('-').next().unwrap_or_default();
    if model_id.starts_with("global.") {
        return Some(2);
    }
    if ["us", "eu"].contains(&prefix)
        && model_id
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('.'))
    {
        return Some(1);
    }
    let elsewhere = ["us.", "eu."].iter().any(|prefix| model_id.starts_with(prefix));
    (!elsewhere).then_some(0)
}

#[cfg(test)]
mod tests;
