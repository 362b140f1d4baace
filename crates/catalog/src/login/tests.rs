//! Logins against an authorization server of our own, which checks what it is sent.

mod attempts;
mod issuer;

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opencode_config::credential::{self, Credential};
use opencode_config::{Environment, Paths};
use opencode_schema::time::now;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use self::issuer::Issuer;
use super::token::test_token;
use super::*;
use crate::http::{Call, Http};

struct World {
    _home: tempfile::TempDir,
    paths: Paths,
    environment: Environment,
    options: Options,
}

impl World {
    fn new(instead: &[(&str, &str)]) -> Self {
        let home = tempfile::TempDir::new().unwrap();
        let environment: Environment = [("HOME".to_owned(), home.path().display().to_string())]
            .into_iter()
            .collect();
        Self {
            paths: Paths::new(&environment),
            environment,
            options: Options {
                instead: instead
                    .iter()
                    .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                    .collect(),
                any_port: true,
                second: Duration::from_millis(2),
            },
            _home: home,
        }
    }

    fn logins(&self) -> Logins {
        Logins::new(self.paths.clone(), self.environment.clone(), self.options.clone())
    }

    fn stored(&self, id: &str) -> Value {
        let stored = credential::read(&self.paths, &self.environment);
        stored.get(id).map_or(Value::Null, Credential::to_entry)
    }

    async fn fresh(&self, id: &str) -> Result<Option<Credential>, LoginError> {
        refresh::fresh(
            id,
            &self.paths,
            &self.environment,
            &Http::default(),
            &self.options,
        )
        .await
    }
}

fn query(url: &str) -> HashMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

async fn visit(url: &str) -> (u16, String) {
    let answer = Http::default().send(Call::get(url)).await.unwrap();
    (answer.status, String::from_utf8(answer.body).unwrap())
}

fn inputs(pairs: &[(&str, &str)]) -> Inputs {
    pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[tokio::test]
async fn chatgpt_in_a_browser() {
    let account = test_token(&json!({ "chatgpt_account_id": "acc" }));
    let id_token = account.clone();
    let issuer = Issuer::start(move |_, _| {
        (
            200,
            json!({ "access_token": "at", "refresh_token": "rt", "id_token": id_token, "expires_in": 60 }),
        )
    })
    .await;
    let world = World::new(&[("https://auth.openai.com", &issuer.url)]);
    let logins = world.logins();
    let begun = logins
        .authorize("openai", 0, &Inputs::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(begun.method, Proceeding::Auto);
    assert!(begun.url.starts_with(&format!("{}/oauth/authorize?", issuer.url)));
    let asked = query(&begun.url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "app_EMoamEEZ73f0CkXaXp7hrann"),
        ("scope", "openid profile email offline_access"),
        ("code_challenge_method", "S256"),
        ("id_token_add_organizations", "true"),
        ("codex_cli_simplified_flow", "true"),
        ("originator", "opencode"),
    ] {
        assert_eq!(asked[name], value);
    }
    let redirect = &asked["redirect_uri"];
    assert!(
        redirect.starts_with("http://localhost:") && redirect.ends_with("/auth/callback"),
        "{redirect}"
    );
    let back = redirect.replace("localhost", "127.0.0.1");

    // Pages of other logins, and what browsers ask for by themselves, change nothing.
    assert_eq!(visit(&format!("{back}?code=c&state=other")).await.0, 400);
    assert_eq!(
        visit(&back.replace("/auth/callback", "/favicon.ico")).await.0,
        404
    );
    assert_eq!(
        visit(&format!("{back}?code=c&state={}", asked["state"])).await.0,
        200
    );
    logins.complete("openai", 0).await.unwrap();

    let got = issuer.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].path, "/oauth/token");
    let sent = &got[0].fields;
    assert_eq!(sent["grant_type"], "authorization_code");
    assert_eq!((sent["code"].as_str(), &sent["redirect_uri"]), ("c", redirect));
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(&sent["code_verifier"]));
    assert_eq!(asked["code_challenge"], proof);
    let mut stored = world.stored("openai");
    let expires = stored["expires"].take().as_i64().unwrap();
    assert!((50_000..=60_000).contains(&(expires - now())));
    assert_eq!(
        stored,
        json!({ "type": "oauth", "refresh": "rt", "access": "at", "expires": null, "accountId": "acc" })
    );
    assert_eq!(
        logins.complete("openai", 0).await.unwrap_err(),
        LoginError::NotBegun {
            provider_id: "openai".into()
        }
    );
}

#[tokio::test]
async fn a_login_that_is_refused_or_stopped_fails_with_the_reason() {
    let issuer = Issuer::start(|_, _| (400, json!({ "error": "invalid_grant" }))).await;
    let world = World::new(&[("https://auth.openai.com", &issuer.url)]);
    let logins = world.logins();
    for (way, wanted) in [
        (
            "/auth/callback?state={}&error=access_denied&error_description=not+today",
            "not today",
        ),
        ("/cancel?", "stopped"),
        ("/auth/callback?state={}", "without code"),
        ("/auth/callback?state={}&code=x", "invalid_grant"),
    ] {
        let begun = logins
            .authorize("openai", 0, &Inputs::new())
            .await
            .unwrap()
            .unwrap();
        let asked = query(&begun.url);
        let back = asked["redirect_uri"].replace("localhost", "127.0.0.1");
        visit(&back.replace("/auth/callback", &way.replace("{}", &asked["state"]))).await;
        let error = logins.complete("openai", 0).await.unwrap_err();
        assert!(error.to_string().contains(wanted), "{way}: {error}");
        assert_eq!(world.stored("openai"), Value::Null);
    }
    // Nobody comes.
    logins.authorize("openai", 0, &Inputs::new()).await.unwrap();
    let error = logins.complete("openai", 0).await.unwrap_err();
    assert!(error.to_string().contains("300 seconds"), "{error}");
}

#[tokio::test]
async fn a_new_login_takes_the_place_of_the_one_before() {
    let issuer = Issuer::start(|_, _| (200, json!({ "access_token": "at" }))).await;
    let world = World::new(&[("https://auth.openai.com", &issuer.url)]);
    let logins = world.logins();
    let first = logins
        .authorize("openai", 0, &Inputs::new())
        .await
        .unwrap()
        .unwrap();
    let second = logins
        .authorize("openai", 0, &Inputs::new())
        .await
        .unwrap()
        .unwrap();
    let back = |url: &str| {
        let asked = query(url);
        let back = asked["redirect_uri"].replace("localhost", "127.0.0.1");
        format!("{back}?code=c&state={}", asked["state"])
    };
    let gone = Http::default().send(Call::get(back(&first.url))).await;
    assert!(gone.is_err(), "{gone:?}");
    assert_eq!(visit(&back(&second.url)).await.0, 200);
    assert!(
        logins.complete("openai", 1).await.is_err(),
        "another way was begun"
    );
    logins.complete("openai", 0).await.unwrap();
    assert_eq!(world.stored("openai")["access"], "at");
}

#[tokio::test]
async fn chatgpt_without_a_browser() {
    let issuer = Issuer::start(|got, count| match got.path.as_str() {
        "/api/accounts/deviceauth/usercode" => (
            200,
            json!({ "device_auth_id": "d", "user_code": "AB-12", "interval": "1" }),
        ),
        "/api/accounts/deviceauth/token" if count < 3 => ([403, 404][count - 1], json!({})),
        "/api/accounts/deviceauth/token" => {
            (200, json!({ "authorization_code": "ac", "code_verifier": "cv" }))
        }
        _ => (200, json!({ "access_token": "at", "refresh_token": "rt" })),
    })
    .await;
    let world = World::new(&[("https://auth.openai.com", &issuer.url)]);
    let logins = world.logins();
    let begun = logins
        .authorize("openai", 1, &Inputs::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(begun.url, format!("{}/codex/device", issuer.url));
    assert!(begun.instructions.contains("AB-12"));
    logins.complete("openai", 1).await.unwrap();
    let got = issuer.got();
    let paths: Vec<&str> = got.iter().map(|got| got.path.as_str()).collect();
    assert_eq!(paths[1..4], ["/api/accounts/deviceauth/token"; 3]);
    let last = &got[4];
    assert_eq!(last.path, "/oauth/token");
    assert_eq!(
        (
            last.fields["code"].as_str(),
            last.fields["code_verifier"].as_str()
        ),
        ("ac", "cv")
    );
    assert_eq!(
        last.fields["redirect_uri"],
        format!("{}/deviceauth/callback", issuer.url)
    );
    assert_eq!(world.stored("openai")["refresh"], "rt");
}

#[tokio::test]
async fn copilot_with_a_code_here_and_in_an_own_installation() {
    let issuer = Issuer::start(|got, count| match got.path.as_str() {
        "/login/device/code" => (
            200,
            json!({ "device_code": "dc", "user_code": "UC", "verification_uri": "https://page", "interval": 0 }),
        ),
        _ => (
            200,
            match count {
                1 => json!({ "error": "authorization_pending" }),
                2 => json!({ "error": "slow_down", "interval": 1 }),
                3 => json!({ "error": "slow_down" }),
                _ => json!({ "access_token": "gh" }),
            },
        ),
    })
    .await;
    let hosts = ["https://github.com", "https://company.ghe.com"].map(|host| (host, issuer.url.as_str()));
    let world = World::new(&hosts);
    let logins = world.logins();
    let begun = logins
        .authorize("github-copilot", 0, &Inputs::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(begun.url, "https://page");
    assert_eq!(begun.instructions, "Enter code: UC");
    logins.complete("github-copilot", 0).await.unwrap();
    assert_eq!(
        world.stored("github-copilot"),
        json!({ "type": "oauth", "refresh": "gh", "access": "gh", "expires": 0 })
    );
    let got = issuer.got();
    assert_eq!(got[0].fields["client_id"], "Ov23li8tweQw6odWQebz");
    assert_eq!(got[0].fields["scope"], "read:user");
    assert_eq!(
        got[1].fields["grant_type"],
        "urn:ietf:params:oauth:grant-type:device_code"
    );
    assert_eq!(got[1].fields["device_code"], "dc");

    let enterprise = inputs(&[
        ("deploymentType", "enterprise"),
        ("enterpriseUrl", "https://company.ghe.com/"),
    ]);
    logins.authorize("github-copilot", 0, &enterprise).await.unwrap();
    logins.complete("github-copilot", 0).await.unwrap();
    assert_eq!(world.stored("github-copilot")["enterpriseUrl"], "company.ghe.com");
    // It never ends, so nothing is asked for a new one.
    let before = issuer.got().len();
    world.fresh("github-copilot").await.unwrap().unwrap();
    assert_eq!(issuer.got().len(), before);
}

#[tokio::test]
async fn a_code_that_is_refused_ends_the_login() {
    let issuer = Issuer::start(|got, _| match got.path.as_str() {
        "/oauth2/device/code" => (
            200,
            json!({ "device_code": "dc", "user_code": "UC", "verification_uri_complete": "https://page?c=UC" }),
        ),
        _ => (400, json!({ "error": "access_denied", "error_description": "the user said no" })),
    })
    .await;
    let world = World::new(&[("https://auth.x.ai", &issuer.url)]);
    let logins = world.logins();
    let begun = logins.authorize("xai", 0, &Inputs::new()).await.unwrap().unwrap();
    assert_eq!(begun.url, "https://page?c=UC");
    assert_eq!(issuer.got()[0].fields["referrer"], "opencode");
    let error = logins.complete("xai", 0).await.unwrap_err();
    assert!(error.to_string().contains("the user said no"), "{error}");
}

#[tokio::test]
async fn others_in_a_browser() {
    let issuer = Issuer::start(|got, _| match got.path.as_str() {
        "/token" => (200, json!({ "api_key": "poe-key", "api_key_expires_in": 1000 })),
        _ => (200, json!({ "access_token": "at", "refresh_token": "rt" })),
    })
    .await;
    let url = issuer.url.as_str();
    let world = World::new(&[
        ("https://poe.com", url),
        ("https://api.poe.com", url),
        ("https://org-acc.snowflakecomputing.com", url),
        ("https://cloud.digitalocean.com", url),
    ]);
    let logins = world.logins();

    let begun = logins.authorize("poe", 0, &Inputs::new()).await.unwrap().unwrap();
    let asked = query(&begun.url);
    assert!(!asked.contains_key("state"));
    assert_eq!(visit(&format!("{}?code=c", asked["redirect_uri"])).await.0, 200);
    logins.complete("poe", 0).await.unwrap();
    assert_eq!(world.stored("poe")["access"], "poe-key");

    let gitlab = inputs(&[("instanceUrl", &format!("{url}/"))]);
    let begun = logins.authorize("gitlab", 0, &gitlab).await.unwrap().unwrap();
    let asked = query(&begun.url);
    assert_eq!(asked["scope"], "api");
    visit(&format!(
        "{}?code=c&state={}",
        asked["redirect_uri"], asked["state"]
    ))
    .await;
    logins.complete("gitlab", 0).await.unwrap();
    assert_eq!(world.stored("gitlab")["enterpriseUrl"], url);

    for (role, scope) in [("R", "refresh_token session:role:R"), ("", "refresh_token")] {
        let snowflake = inputs(&[("account", "org-acc"), ("role", role)]);
        let begun = logins
            .authorize("snowflake-cortex", 0, &snowflake)
            .await
            .unwrap()
            .unwrap();
        let asked = query(&begun.url);
        assert_eq!(asked["scope"], scope);
        visit(&format!(
            "{}?code=c&state={}",
            asked["redirect_uri"], asked["state"]
        ))
        .await;
        logins.complete("snowflake-cortex", 0).await.unwrap();
        assert_eq!(world.stored("snowflake-cortex")["accountId"], "org-acc");
    }
    let last = issuer.got().pop().unwrap();
    assert_eq!(last.path, "/oauth/token-request");
    assert!(last.authorization.unwrap().starts_with("Basic "));

    let begun = logins
        .authorize("digitalocean", 0, &Inputs::new())
        .await
        .unwrap()
        .unwrap();
    let asked = query(&begun.url);
    assert_eq!(asked["response_type"], "token");
    let back = asked["redirect_uri"].replace("localhost", "127.0.0.1");
    assert!(visit(&back).await.1.contains("location.hash"));
    let posted = back.replace("/auth/callback", "/auth/token");
    let fields = [("access_token", "do"), ("state", asked["state"].as_str())];
    Http::default()
        .send(Call::form(posted, &fields))
        .await
        .unwrap()
        .accepted()
        .unwrap();
    logins.complete("digitalocean", 0).await.unwrap();
    let stored = world.stored("digitalocean");
    assert_eq!((&stored["type"], &stored["key"]), (&json!("api"), &json!("do")));
    let metadata = &stored["metadata"];
    assert_eq!(metadata["oauth_access"], "do");
    assert_eq!(metadata["oauth_scopes"], "genai:read inference:query");
    let end: i64 = metadata["oauth_expires"].as_str().unwrap().parse().unwrap();
    assert!(end > now() + 29 * 86_400_000, "a month if nobody says");
}

#[tokio::test]
async fn answers_that_lead_elsewhere_are_refused() {
    let world = World::new(&[]);
    let logins = world.logins();
    let refused = async |provider: &str, method, pairs: &[(&str, &str)]| match logins
        .authorize(provider, method, &inputs(pairs))
        .await
    {
        Err(LoginError::Invalid { field, .. }) => field,
        other => panic!("{provider}: {other:?}"),
    };
    assert_eq!(
        refused("gitlab", 0, &[("instanceUrl", "notaurl")]).await,
        "instanceUrl"
    );
    assert_eq!(
        refused("snowflake-cortex", 0, &[("account", "")]).await,
        "account"
    );
    assert_eq!(
        refused("snowflake-cortex", 0, &[("account", "evil.com/x")]).await,
        "account"
    );
    let enterprise = [("deploymentType", "enterprise"), ("enterpriseUrl", "   ")];
    assert_eq!(refused("github-copilot", 0, &enterprise).await, "enterpriseUrl");
    assert_eq!(logins.authorize("openai", 2, &Inputs::new()).await.unwrap(), None);
    assert!(matches!(
        logins.authorize("openai", 9, &Inputs::new()).await,
        Err(LoginError::UnknownMethod { .. })
    ));
    assert!(matches!(
        logins.authorize("nobody", 0, &Inputs::new()).await,
        Err(LoginError::UnknownProvider { .. })
    ));
}

#[tokio::test]
async fn gap_33_of_many_that_need_a_new_token_one_asks_for_it() {
    let issuer = Issuer::start(|_, count| {
        (
            200,
            json!({ "access_token": format!("new{count}"), "refresh_token": "r2", "expires_in": 3600 }),
        )
    })
    .await;
    let world = World::new(&[("https://auth.openai.com", &issuer.url)]);
    let entry =
        json!({ "type": "oauth", "refresh": "r1", "access": "old", "expires": 1, "accountId": "acc" });
    credential::put(&world.paths, "openai", Some(entry)).unwrap();
    let world = &world;
    let asked = (0..8).map(|_| world.fresh("openai"));
    for fresh in futures_util::future::join_all(asked).await {
        assert_eq!(fresh.unwrap().unwrap().to_entry()["access"], "new1");
    }
    let got = issuer.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].fields["grant_type"], "refresh_token");
    assert_eq!(got[0].fields["refresh_token"], "r1");
    let stored = world.stored("openai");
    assert_eq!(
        (&stored["refresh"], &stored["accountId"]),
        (&json!("r2"), &json!("acc"))
    );
}

#[tokio::test]
async fn a_new_token_is_stored_although_nobody_waits_for_it_any_more() {
    let issuer = Issuer::start(|_, _| {
        (
            200,
            json!({ "access_token": "new", "refresh_token": "r2", "expires_in": 3600 }),
        )
    })
    .await;
    let world = World::new(&[("https://auth.openai.com", &issuer.url)]);
    let entry = json!({ "type": "oauth", "refresh": "r1", "access": "old", "expires": 1 });
    credential::put(&world.paths, "openai", Some(entry)).unwrap();
    let asked = async {
        while issuer.got().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = asked => {}
        _ = world.fresh("openai") => panic!("the answer came before the question was seen"),
    }
    let stored = async {
        while world.stored("openai")["refresh"] != "r2" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stored)
        .await
        .expect("the new token is stored");
}

#[tokio::test]
async fn a_login_that_cannot_be_renewed_says_so_and_stays() {
    let issuer = Issuer::start(|_, _| (401, json!({ "error": "revoked" }))).await;
    let world = World::new(&[("https://auth.x.ai", &issuer.url)]);
    // It still lasts, but not long enough.
    let entry = json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": now() + 60_000 });
    credential::put(&world.paths, "xai", Some(entry.clone())).unwrap();
    let error = world.fresh("xai").await.unwrap_err();
    assert!(error.to_string().contains("revoked"), "{error}");
    assert_eq!(world.stored("xai"), entry);
    let far = json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": now() + 600_000 });
    credential::put(&world.paths, "xai", Some(far.clone())).unwrap();
    assert_eq!(world.fresh("xai").await.unwrap().unwrap().to_entry(), far);
    assert!(world.fresh("openai").await.unwrap().is_none());
}

#[test]
fn lists_hold_the_ways_in_their_order_without_what_is_known_already() {
    let none = Environment::default();
    let all = listed(&Config::default(), &none);
    let ids: Vec<&String> = all.as_object().unwrap().keys().collect();
    assert_eq!(ids[..3], ["openai", "github-copilot", "gitlab"]);
    assert_eq!(
        all["openai"][2],
        json!({ "type": "api", "label": "Manually enter API Key" })
    );
    let second = &all["github-copilot"][0]["prompts"][1];
    assert_eq!(second["type"], "text");
    assert_eq!(
        second["when"],
        json!({ "key": "deploymentType", "op": "eq", "value": "enterprise" })
    );
    assert_eq!(
        all["cloudflare-ai-gateway"][0]["prompts"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let set: Environment = [("CLOUDFLARE_ACCOUNT_ID".to_owned(), "a".to_owned())]
        .into_iter()
        .collect();
    let listed_then = listed(&Config::default(), &set);
    assert_eq!(
        listed_then["cloudflare-ai-gateway"][0]["prompts"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(listed_then["cloudflare-workers-ai"][0].get("prompts").is_none());
}

#[tokio::test]
async fn a_login_that_is_refused_is_removed_where_that_is_its_end() {
    for (status, stays) in [(401, false), (500, true)] {
        let issuer = Issuer::start(move |_, _| (status, json!({ "error": "invalid_token" }))).await;
        let world = World::new(&[]);
        let ended = Credential::Oauth {
            refresh: "r".into(),
            access: "a".into(),
            expires: 1,
            account_id: None,
            enterprise_url: Some(issuer.url.clone()),
        };
        credential::put(&world.paths, "gitlab", Some(ended.to_entry())).unwrap();
        world.fresh("gitlab").await.unwrap_err();
        assert_eq!(issuer.got()[0].path, "/oauth/token");
        let stored = credential::read(&world.paths, &world.environment);
        assert_eq!(stored.contains_key("gitlab"), stays, "{status}");
    }
}
