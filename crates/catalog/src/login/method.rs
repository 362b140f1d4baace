//! What a way to log in is made of. The ways themselves are in [`super::methods`].

use opencode_config::Environment;
use serde::Serialize;

/// One way to log in.
#[derive(Debug)]
pub struct Method {
    /// Its name among those of its provider.
    pub id: &'static str,
    /// What lists call it; `--method` of the command line, too.
    pub label: &'static str,
    /// What is asked first.
    pub prompts: &'static [Prompt],
    /// What happens then.
    pub flow: Flow,
}

/// What a way to log in stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A key that the user has.
    Api,
    /// What the provider gives after the user has agreed.
    Oauth,
}

/// What is asked before a login.
#[derive(Debug, Serialize)]
pub struct Prompt {
    /// What the answer is.
    #[serde(flatten)]
    pub form: Form,
    /// Its name.
    pub key: &'static str,
    /// What is asked.
    pub message: &'static str,
    /// An example of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<&'static str>,
    /// It is only asked after this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// What an answer must be.
    #[serde(skip)]
    pub rule: Rule,
    /// It is not asked when this variable is set.
    #[serde(skip)]
    pub unless: Option<&'static str>,
}

/// What an answer is.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Form {
    /// Words.
    Text,
    /// One of these.
    Select {
        /// These.
        options: &'static [Choice],
    },
}

/// One of several answers.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// How it is shown.
    pub label: &'static str,
    /// What it means.
    pub value: &'static str,
    /// What else is said of it.
    pub hint: &'static str,
}

/// An earlier answer.
#[derive(Debug, Serialize)]
pub struct When {
    /// Its name.
    pub key: &'static str,
    /// How it is compared; there is only `eq`.
    pub op: &'static str,
    /// What it must be.
    pub value: &'static str,
}

/// What an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Anything.
    Any,
    /// Not empty.
    Filled,
    /// Empty, or an address with its scheme.
    Address,
    /// A name of a host, or an address.
    Host,
}

impl Rule {
    /// What is wrong with an answer.
    #[must_use]
    pub fn fault(self, answer: &str) -> Option<&'static str> {
        let answer = answer.trim();
        let is_address = |text: &str| {
            url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        match self {
            Self::Any => None,
            Self::Filled => answer.is_empty().then_some("Required"),
            Self::Address => (!answer.is_empty() && !is_address(answer))
                .then_some("This is no address: it begins with https://"),
            Self::Host => {
                let whole = if answer.contains("://") {
                    answer.to_owned()
                } else {
                    format!("https://{answer}")
                };
                (answer.is_empty() || answer.contains(char::is_whitespace) || !is_address(&whole))
                    .then_some("This is no name of a server, and no address")
            }
        }
    }
}

/// What happens when somebody logs in.
#[derive(Debug)]
pub enum Flow {
    /// A key is asked for and stored.
    Key,
    /// A browser is sent to the provider and comes back with a code.
    Browser(&'static Browser),
    /// The user types a code of the provider into a page; the provider is asked until that is done.
    Device(&'static Device),
    /// The same, as ChatGPT does it.
    Headless,
    /// The user is logged in to Azure's command line, which gives out tokens.
    AzureCli,
}

/// A login in a browser (reference `providers.md` §12.4–12.5).
#[derive(Debug)]
pub struct Browser {
    /// Address of the provider; `{name}` stands for an answer.
    pub issuer: &'static str,
    /// The answer that is an address to use instead.
    pub issuer_input: Option<&'static str>,
    /// Path of the page.
    pub authorize: &'static str,
    /// Who we are.
    pub client_id: &'static str,
    /// The variable that says otherwise.
    pub client_variable: Option<&'static str>,
    /// What we want.
    pub scope: &'static str,
    /// Further words of the address.
    pub extra: &'static [(&'static str, &'static str)],
    /// Where the browser comes back.
    pub back: Back,
    /// What it brings.
    pub brings: Brings,
    /// The address carries a word that comes back.
    pub state: bool,
    /// Seconds that the user has.
    pub patience: u64,
    /// What the user is told.
    pub instructions: &'static str,
}

/// Where a browser comes back.
#[derive(Debug)]
pub struct Back {
    /// Name of this machine.
    pub host: &'static str,
    /// Port; 0 is any.
    pub port: u16,
    /// Path.
    pub path: &'static str,
}

/// What a browser brings back.
#[derive(Debug)]
pub enum Brings {
    /// A code, for which there is a token.
    Code(&'static Exchange),
    /// The token itself, in the fragment of the address; the page posts it to this path.
    Token(&'static str),
}

/// How tokens are asked for.
#[derive(Debug)]
pub struct Exchange {
    /// The address; a path lies at the issuer.
    pub url: &'static str,
    /// Login and password that go along.
    pub basic: Option<(&'static str, &'static str)>,
    /// Seconds before the end of a token at which a new one is asked for; `None` if there is none to ask for.
    pub refresh_before: Option<i64>,
    /// Seconds that a token lasts if nobody says.
    pub lasts: i64,
    /// A login that is refused with 401 when a new token is asked for is no login any more: it is removed.
    pub refused_ends: bool,
}

/// A login with a code that the user types in (RFC 8628).
#[derive(Debug)]
pub struct Device {
    /// Address of the provider; `{name}` stands for an answer.
    pub issuer: &'static str,
    /// The answer that names another host.
    pub issuer_input: Option<&'static str>,
    /// Where a login begins.
    pub start: &'static str,
    /// Where its end is asked for.
    pub token: &'static Exchange,
    /// Both are sent as JSON, not as forms.
    pub json: bool,
    /// Who we are.
    pub client_id: &'static str,
    /// What we want.
    pub scope: &'static str,
    /// Further words.
    pub extra: &'static [(&'static str, &'static str)],
    /// The token never ends and there is no other.
    pub forever: bool,
}

impl Method {
    /// What is stored in the end.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.flow {
            Flow::Key => Kind::Api,
            _ => Kind::Oauth,
        }
    }

    /// Whether there is such a way here.
    #[must_use]
    pub fn is_offered(&self, environment: &Environment) -> bool {
        match self.flow {
            Flow::AzureCli => crate::azure::program(environment).is_some(),
            _ => true,
        }
    }

    /// What is asked here: what the environment says already is not.
    pub fn asked<'a>(&'a self, environment: &'a Environment) -> impl Iterator<Item = &'a Prompt> {
        let prompts = self.prompts.iter();
        prompts.filter(|prompt| prompt.unless.is_none_or(|name| environment.get(name).is_none()))
    }
}
