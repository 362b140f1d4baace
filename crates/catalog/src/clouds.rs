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
mod tests {
    use std::sync::Arc;

    use opencode_config::Paths;
    use opencode_config::credential::Credentials;
    use serde_json::json;

    use super::*;
    use crate::Catalog;

    #[test]
    fn regions_have_their_own_names_for_models() {
        for (region, id, wanted) in [
            (
                "us-east-1",
                "anthropic.claude-sonnet-4-5-20250929-v1:0",
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            ),
            (
                "us-east-1",
                "global.anthropic.claude-x",
                "global.anthropic.claude-x",
            ),
            (
                "us-east-1",
                "arn:aws:bedrock:us-east-1:1:claude",
                "arn:aws:bedrock:us-east-1:1:claude",
            ),
            ("us-east-1", "deepseek.r1-v1:0", "us.deepseek.r1-v1:0"),
            ("us-east-1", "openai.gpt-oss-20b-1:0", "openai.gpt-oss-20b-1:0"),
            ("us-gov-west-1", "anthropic.claude-x", "anthropic.claude-x"),
            ("eu-west-1", "amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0"),
            ("eu-west-1", "amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
            ("eu-central-2", "anthropic.claude-x", "anthropic.claude-x"),
            (
                "ap-southeast-2",
                "anthropic.claude-haiku-4-5",
                "au.anthropic.claude-haiku-4-5",
            ),
            (
                "ap-southeast-2",
                "anthropic.claude-opus-4-5",
                "anthropic.claude-opus-4-5",
            ),
            ("ap-southeast-2", "amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
            (
                "ap-northeast-1",
                "amazon.nova-pro-v1:0",
                "jp.amazon.nova-pro-v1:0",
            ),
            ("ap-south-1", "anthropic.claude-x", "apac.anthropic.claude-x"),
            ("sa-east-1", "anthropic.claude-x", "anthropic.claude-x"),
        ] {
            assert_eq!(regional(id, region), wanted, "{region} {id}");
        }
    }

    /// A catalogue with nothing but these variables and this configuration.
    fn catalog(variables: &[(&str, &str)], config: Value) -> Catalog {
        let home = ("HOME", "/nowhere");
        let environment: Environment = variables
            .iter()
            .chain([&home])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Catalog::new(Sources {
            public: Arc::new(crate::public::Public::new(
                &Paths::new(&environment),
                &environment,
                "0",
            )),
            paths: Paths::new(&environment),
            environment,
            credentials: Credentials::new(),
            config: Arc::new(serde_json::from_value(config).unwrap()),
            version: "0",
            logins: crate::login::Options::default(),
        })
    }

    fn target(catalog: &Catalog, provider: &str, model: &str) -> Result<Target, Error> {
        catalog.target(&catalog.model(provider, model)?)
    }

    #[test]
    fn clouds_are_connected_by_what_is_found() {
        for (variables, config, wanted) in [
            (&[][..], json!({}), &[][..]),
            (&[("AWS_PROFILE", "p")][..], json!({}), &["amazon-bedrock"][..]),
            (
                &[("AWS_WEB_IDENTITY_TOKEN_FILE", "f")][..],
                json!({}),
                &["amazon-bedrock"][..],
            ),
            (
                &[("AWS_PROFILE", "p")][..],
                json!({"disabled_providers": ["amazon-bedrock"]}),
                &[][..],
            ),
            (
                &[("GOOGLE_CLOUD_PROJECT", "p")][..],
                json!({}),
                &["google-vertex", "google-vertex-anthropic"][..],
            ),
            (
                &[][..],
                json!({"provider": {"google-vertex": {"options": {"project": "p"}}}}),
                &["google-vertex"][..],
            ),
        ] {
            let connected = catalog(variables, config).connected();
            // Free models are there without a key.
            let connected: Vec<&str> = connected
                .iter()
                .map(String::as_str)
                .filter(|id| *id != "opencode")
                .collect();
            assert_eq!(connected, wanted, "{variables:?}");
        }
    }

    #[test]
    fn targets_of_clouds_are_complete() {
        const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
        let vertex = [("GOOGLE_CLOUD_PROJECT", "p"), ("GOOGLE_CLOUD_LOCATION", "eu")];
        let google = "/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro";
        for (variables, config, provider, model, wanted, identity) in [
            (
                &[("AWS_PROFILE", "p"), ("AWS_REGION", "eu-west-1")][..],
                json!({}),
                "amazon-bedrock",
                SONNET,
                "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream".to_owned(),
                Some("Aws"),
            ),
            (
                &[("AWS_BEARER_TOKEN_BEDROCK", "t")][..],
                json!({"provider": {"amazon-bedrock": {"options": {"endpoint": "https://e.example/", "baseURL": "https://b.example"}}}}),
                "amazon-bedrock",
                SONNET,
                "https://e.example/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream".to_owned(),
                None,
            ),
            (
                &[("GOOGLE_CLOUD_PROJECT", "p")][..],
                json!({}),
                "google-vertex",
                "gemini-2.5-pro",
                format!("https://us-central1-aiplatform.googleapis.com{google}:streamGenerateContent?alt=sse"),
                Some("Google"),
            ),
            (
                &[("GOOGLE_VERTEX_PROJECT", "p"), ("GOOGLE_VERTEX_API_KEY", "k")][..],
                json!({}),
                "google-vertex",
                "gemini-2.5-pro",
                "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse".to_owned(),
                None,
            ),
            (
                &vertex[..],
                json!({}),
                "google-vertex-anthropic",
                "claude-sonnet-4-5@20250929",
                "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict".to_owned(),
                Some("Google"),
            ),
            (
                &[("GEMINI_API_KEY", "k")][..],
                json!({}),
                "google",
                "gemini-2.5-pro",
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse".to_owned(),
                None,
            ),
        ] {
            let target = target(&catalog(variables, config), provider, model).unwrap();
            assert_eq!(target.url().unwrap().as_str(), wanted);
            assert_eq!(target.api_key.is_some(), identity.is_none(), "{provider}");
            let shown = target.identity.map(|identity| format!("{identity:?}"));
            assert_eq!(shown.as_deref().and_then(|shown| shown.split(' ').next()), identity, "{provider}");
        }
    }

    #[test]
    fn what_other_clouds_models_need_is_there_too() {
        let catalog = catalog(&[("GOOGLE_CLOUD_PROJECT", "p")], json!({}));
        let provider = catalog.provider("google-vertex").unwrap();
        let model = provider
            .models
            .values()
            .find(|model| model.api.npm == "@ai-sdk/openai-compatible")
            .unwrap();
        let target = catalog.target(model).unwrap();
        assert_eq!(
            target.url().unwrap().as_str(),
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi/chat/completions"
        );
        assert!(target.identity.is_some());
        assert_eq!(provider.options["project"], "p");
    }

    #[test]
    fn a_missing_project_is_named() {
        let catalog = catalog(&[("GOOGLE_APPLICATION_CREDENTIALS", "/x")], json!({}));
        let error = target(&catalog, "google-vertex", "gemini-2.5-pro")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("GOOGLE_CLOUD_PROJECT") && error.contains("options.project"),
            "{error}"
        );
    }

    #[test]
    fn small_models_of_bedrock_run_near_by() {
        let small = |region: &str, only: &[&str]| {
            let config = json!({"provider": {"amazon-bedrock": {"whitelist": only}}});
            let catalog = catalog(&[("AWS_PROFILE", "p"), ("AWS_REGION", region)], config);
            catalog.small_model("amazon-bedrock").map(|model| model.id)
        };
        let (plain, eu, us, global) = (
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        );
        assert_eq!(
            small("eu-west-1", &[plain, eu, us, global]).as_deref(),
            Some(global)
        );
        assert_eq!(small("eu-west-1", &[plain, eu, us]).as_deref(), Some(eu));
        assert_eq!(small("ap-south-1", &[plain, eu, us]).as_deref(), Some(plain));
        assert_eq!(small("ap-south-1", &[eu, us]), None);
    }

    #[test]
    fn locations_have_hosts() {
        assert_eq!(vertex_host("global"), "aiplatform.googleapis.com");
        assert_eq!(vertex_host("eu"), "aiplatform.eu.rep.googleapis.com");
        assert_eq!(
            vertex_host("europe-west4"),
            "europe-west4-aiplatform.googleapis.com"
        );
    }
}
