//! Adapters: how the packages that the model catalogue names are spoken to.
//!
//! An adapter is a row of data: protocol, address, key, namespaces, quirks. Code elsewhere asks for the
//! field it needs and never for the name of a provider (reference `providers.md` §3.2). The rows are in
//! [`table`].

pub mod table;

use crate::openai_chat::Dialect;
use crate::{anthropic, gemini, openai_responses};

/// How one provider package is spoken to.
#[derive(Debug)]
pub struct Adapter {
    /// Name of the package in the catalogue (`api.npm`).
    pub package: &'static str,
    /// Which of the package's interfaces: a package may have several.
    pub api: Api,
    /// The wire protocol with its quirks.
    pub protocol: Protocol,
    /// Address when nobody says another.
    pub base_url: Option<&'static str>,
    /// Path below the address.
    pub path: &'static str,
    /// How address and path are put together.
    pub addressing: Addressing,
    /// How the key travels.
    pub key: Key,
    /// Headers that every request carries.
    pub headers: &'static [(&'static str, &'static str)],
    /// Under which name its options and metadata go.
    pub namespace: Namespace,
    /// What its error answers look like.
    pub failure: FailureShape,
    /// Words of a refused request (status 400) which say that there is nothing to add: in lower case.
    pub nothing_to_add: Option<&'static str>,
    /// Environment variables that the package itself would read, for the catalogue.
    pub variables: Variables,
}

/// An interface of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Anthropic Messages.
    Messages,
    /// OpenAI chat completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Chat completions of a DeepSeek model on Azure.
    DeepSeek,
    /// Chat completions of Snowflake Cortex.
    Cortex,
    /// Cohere chat.
    Cohere,
    /// Gemini.
    Gemini,
    /// Bedrock Converse.
    Converse,
    /// Vercel's AI Gateway.
    Gateway,
    /// Orchestration of SAP AI Core.
    Orchestration,
    /// None: nothing is sent.
    Demo,
}

/// A wire protocol. A further one is a variant here, a module like [`crate::anthropic`], and an arm in each
/// function of [`crate::protocol`].
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// Anthropic Messages (reference `providers.md` §4.1).
    AnthropicMessages(&'static anthropic::Host),
    /// OpenAI chat completions and what follows them (reference `providers.md` §4.2).
    OpenAiChat(&'static Dialect),
    /// OpenAI Responses and what follows them (reference `providers.md` §4.3).
    OpenAiResponses(&'static openai_responses::Dialect),
    /// Cohere chat, version 2 (reference `providers.md` §4.6).
    Cohere,
    /// Gemini (reference `providers.md` §4.4).
    Gemini(&'static gemini::Dialect),
    /// Bedrock Converse (reference `providers.md` §4.5).
    BedrockConverse,
    /// Vercel's AI Gateway ([`crate::gateway`]).
    Gateway,
    /// Orchestration of SAP AI Core (reference `providers.md` §3.3).
    Sap,
    /// Answers that the program gives itself ([`crate::demo`]).
    Demo,
}

/// How address and path are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// One after the other.
    Plain,
    /// The same, but the provider's bare host gets its version folder.
    Anthropic,
    /// By host or by deployment, with a version in the query.
    Azure,
    /// The model is part of the path, and so is what is wanted of it.
    Model {
        /// How the model's id is written.
        id: ModelPath,
        /// What stands behind it for a streamed answer.
        streamed: &'static str,
        /// What stands behind it for a whole answer.
        whole: &'static str,
    },
}

/// How the id of a model is written in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPath {
    /// As it is.
    Plain,
    /// In the folder `models`, unless it names one.
    Folder,
    /// With what a path may not hold encoded.
    Encoded,
}

/// How a key travels.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Name of the header.
    pub header: &'static str,
    /// What stands before the key.
    pub prefix: &'static str,
    /// Without a key there is no request.
    pub required: bool,
}

impl Key {
    const fn bearer(required: bool) -> Self {
        Self {
            header: "authorization",
            prefix: "Bearer ",
            required,
        }
    }

    const fn optional(header: &'static str) -> Self {
        Self {
            header,
            prefix: "",
            required: false,
        }
    }

    const fn bare(header: &'static str) -> Self {
        Self {
            header,
            prefix: "",
            required: true,
        }
    }
}

/// The name under which options for an adapter come and its metadata go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Always this.
    Fixed(&'static str),
    /// The provider's id, up to the first dot.
    Provider,
}

impl Namespace {
    /// The name for a provider.
    #[must_use]
    pub fn name(self, provider_id: &str) -> &str {
        match self {
            Self::Fixed(name) => name,
            Self::Provider => provider_id.split('.').next().unwrap_or_default().trim(),
        }
    }
}

/// Where an error answer has its words. An answer of another shape counts as one without words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureShape {
    /// `error.message`.
    Nested,
    /// `error.message`, beside it `type`.
    NestedTyped,
    /// `error.message`, else `error.type`.
    NestedOrType,
    /// `error.message` and `error.type`, in an object of type `error`.
    Anthropic,
    /// `message`, with `type`, `param` and `code`.
    Flat,
    /// The same in an object of type `error`; `param` and `code` may be null.
    Mistral,
    /// `message`.
    Bare,
    /// `error.message`; or a text in `error` and a `code`.
    Xai,
    /// `error.message`, or what the provider behind the provider said, in `error.metadata`.
    OpenRouter,
    /// `error.message`, beside it `code` and `status`.
    Google,
    /// `message`, before it `type` if there is one.
    Bedrock,
    /// `error.message`, behind it the `generationId` of the call if there is one.
    Gateway,
    /// `message` in `error`, in the first of `error`, or alone.
    Sap,
}

/// Environment variables that a package itself would read.
#[derive(Clone, Copy, Debug)]
pub struct Variables {
    /// For the key.
    pub key: Option<&'static str>,
    /// For the address.
    pub base_url: Option<&'static str>,
}

/// The adapter that the product uses for a package.
#[must_use]
pub fn by_package(package: &str) -> Option<&'static Adapter> {
    table::ADAPTERS.iter().find(|adapter| adapter.package == package)
}

/// The adapter for one interface of a package.
#[must_use]
pub fn by_package_and_api(package: &str, api: Api) -> Option<&'static Adapter> {
    table::ADAPTERS
        .iter()
        .find(|adapter| adapter.package == package && adapter.api == api)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_key_of_its_own() {
        for (index, adapter) in table::ADAPTERS.iter().enumerate() {
            let first = table::ADAPTERS
                .iter()
                .position(|other| other.package == adapter.package && other.api == adapter.api);
            assert_eq!(first, Some(index), "{} {:?}", adapter.package, adapter.api);
            assert!(adapter.path.starts_with('/'), "{}", adapter.package);
            assert!(
                adapter.base_url.is_none_or(|url| !url.ends_with('/')),
                "{}",
                adapter.package
            );
        }
    }

    #[test]
    fn namespaces_follow_the_provider_where_they_must() {
        assert_eq!(Namespace::Provider.name("my.provider"), "my");
        assert_eq!(Namespace::Provider.name("plain"), "plain");
        assert_eq!(Namespace::Fixed("groq").name("other"), "groq");
    }
}
