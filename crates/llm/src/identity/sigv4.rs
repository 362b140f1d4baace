//! Signatures of Amazon, version 4.
//!
//! What is signed: method, path, query, headers and a digest of the body, with a key made from the secret,
//! the day, the region and the service.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ring::{digest, hmac};
use secrecy::ExposeSecret as _;
use url::Url;

use super::Letter;
use super::aws::Keys;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What stays as it is in paths and queries.
const LEFT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const LEFT_IN_PATHS: &AsciiSet = &LEFT.remove(b'/');
/// Headers that may change on the way.
const UNSIGNED: [&str; 9] = [
    "authorization",
    "content-type",
    "content-length",
    "user-agent",
    "presigned-expires",
    "expect",
    "x-amzn-trace-id",
    "range",
    "connection",
];

/// Now, as signatures write it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Signs a POST request: adds the headers that carry the signature.
pub(super) fn sign(
    letter: Letter<'_>,
    keys: &Keys,
    region: &str,
    service: &str,
    moment: &str,
) -> Result<(), &'static str> {
    let put = |headers: &mut HeaderMap, name: HeaderName, value: &str, secret: bool| {
        let mut value = HeaderValue::from_str(value).map_err(|_| "they hold what no header can")?;
        value.set_sensitive(secret);
        headers.insert(name, value);
        Ok(())
    };
    let Letter { url, headers, body } = letter;
    put(headers, HeaderName::from_static("x-amz-date"), moment, false)?;
    if let Some(session) = &keys.session {
        let name = HeaderName::from_static("x-amz-security-token");
        put(headers, name, session.expose_secret(), true)?;
    }
    let mut signed: Vec<(String, String)> = headers
        .iter()
        .filter(|(name, _)| !UNSIGNED.contains(&name.as_str()))
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    signed.push(("host".to_owned(), host(url)));
    let request = Request {
        method: "POST",
        url,
        headers: signed,
        body,
    };
    let value = request.authorization(keys, region, service, moment);
    put(headers, AUTHORIZATION, &value, true)
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

struct Request<'a> {
    method: &'a str,
    url: &'a Url,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl Request<'_> {
    fn authorization(&self, keys: &Keys, region: &str, service: &str, moment: &str) -> String {
        let mut headers: Vec<(&str, String)> = self
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str(),
                    value.split_whitespace().collect::<Vec<_>>().join(" "),
                )
            })
            .collect();
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let canonical = [
            self.method,
            &self.path(),
            &self.query(),
            &lines,
            &names,
            &hex(digest::digest(&digest::SHA256, self.body).as_ref()),
        ]
        .join("\n");
        let day = moment.get(..8).unwrap_or(moment);
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = [ALGORITHM, moment, &scope, &digest].join("\n");
        let secret = format!("AWS4{}", keys.secret.expose_secret());
        let key = [day, region, service, "aws4_request", &text]
            .iter()
            .fold(secret.into_bytes(), |key, message| mac(&key, message));
        let signature = hex(&key);
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            keys.id
        )
    }

    /// The path as it is on the wire, encoded once more.
    fn path(&self) -> String {
        utf8_percent_encode(self.url.path(), LEFT_IN_PATHS).to_string()
    }

    fn query(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, LEFT).to_string();
        let mut pairs: Vec<String> = self
            .url
            .query_pairs()
            .map(|(name, value)| format!("{}={}", encode(&name), encode(&value)))
            .collect();
        pairs.sort();
        pairs.join("&")
    }
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn keys() -> Keys {
        Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session: None,
        }
    }

    fn signature(method: &str, url: &str, more: &[(&str, &str)], body: &str, service: &str) -> String {
        let url = Url::parse(url).unwrap();
        let mut headers = vec![
            ("host".to_owned(), host(&url)),
            ("x-amz-date".to_owned(), "20150830T123600Z".to_owned()),
        ];
        headers.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let request = Request {
            method,
            url: &url,
            headers,
            body: body.as_bytes(),
        };
        let value = request.authorization(&keys(), "us-east-1", service, "20150830T123600Z");
        value.rsplit('=').next().unwrap().to_owned()
    }

    /// The examples that Amazon publishes.
    #[test]
    fn published_examples() {
        let home = "https://example.amazonaws.com/";
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let table = [
            (
                "GET",
                home,
                &[][..],
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                home,
                &[][..],
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                &[][..],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "POST",
                home,
                &form[..],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "GET",
                home,
                &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")][..],
                "",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
        ];
        for (method, url, headers, body, expected) in table {
            assert_eq!(
                signature(method, url, headers, body, "service"),
                expected,
                "{method} {url} {body}"
            );
        }
        assert_eq!(
            signature(
                "GET",
                "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
                &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
                "",
                "iam",
            ),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn paths_are_encoded_once_more_and_some_headers_stay_unsigned() {
        let mut url = Url::parse("http://127.0.0.1:8080/model/us.a%3A0/converse-stream").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("user-agent", HeaderValue::from_static("x"));
        headers.insert("x-session-id", HeaderValue::from_static("s"));
        let keys = Keys {
            session: Some("token".into()),
            ..keys()
        };
        let letter = Letter {
            url: &mut url,
            headers: &mut headers,
            body: b"{}",
        };
        sign(letter, &keys, "eu-west-1", "bedrock", "20260101T000000Z").unwrap();
        let value = headers["authorization"].to_str().unwrap();
        assert!(
            value.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/bedrock/aws4_request, \
                 SignedHeaders=host;x-amz-date;x-amz-security-token;x-session-id, Signature="
            ),
            "{value}"
        );
        assert_eq!(headers["x-amz-security-token"], "token");
        let request = Request {
            method: "POST",
            url: &url,
            headers: Vec::new(),
            body: b"",
        };
        assert_eq!(request.path(), "/model/us.a%253A0/converse-stream");
        assert_eq!(host(&url), "127.0.0.1:8080");
    }
}
