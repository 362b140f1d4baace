//! Skills at addresses.

use opencode_testkit::{Home, Service};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::home;

fn skill(name: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: d\n---\n{text}\n")
}

fn list(version: &str) -> String {
    let skills = json!([
        { "name": "kept", "files": ["SKILL.md", "more/a b.md"] },
        { "name": "fresh", "files": ["SKILL.md"], "version": version },
        { "name": "../outside", "files": ["SKILL.md"] },
        { "name": "broken", "files": ["SKILL.md", "gone.md"], "version": "1" },
    ]);
    json!({ "skills": skills }).to_string()
}

/// Name and text of the skills that come from addresses.
async fn found(home: &Home) -> Vec<(String, String)> {
    let run = home.run(["debug", "skill"]).await.success();
    let all: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    let text = |skill: &Value, key: &str| skill[key].as_str().unwrap().trim().to_owned();
    all.iter()
        .filter(|skill| skill["location"] != "<built-in>")
        .map(|skill| (text(skill, "name"), text(skill, "content")))
        .collect()
}

#[tokio::test]
async fn are_fetched_replaced_by_version_and_kept_when_the_address_is_gone() {
    let service = Service::start(200, json!({})).await;
    let home = home();
    let address = format!("{}/base/", service.url());
    home.configure("http://127.0.0.1:1", json!({ "skills": { "urls": [address] } }));
    let (first, second) = (list("1"), list("2"));
    let [kept, old, new] = [skill("kept", "K"), skill("fresh", "old"), skill("fresh", "new")];
    let files = |list: &str, fresh: &str| {
        service.now_serves(&[
            ("/base/index.json", list),
            ("/base/kept/SKILL.md", &kept),
            ("/base/kept/more/a%20b.md", "more"),
            ("/base/fresh/SKILL.md", fresh),
            ("/base/broken/SKILL.md", &old),
            ("/outside/SKILL.md", &old),
        ]);
    };
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    files(&first, &old);
    assert_eq!(found(&home).await, [pair("kept", "K"), pair("fresh", "old")]);
    // The same version is not fetched again, and a file that is there stays.
    files(&first, &new);
    assert_eq!(found(&home).await, [pair("kept", "K"), pair("fresh", "old")]);
    let asked = |path: &str| service.asked().iter().filter(|asked| asked.path == path).count();
    assert_eq!(
        (asked("/base/fresh/SKILL.md"), asked("/base/kept/SKILL.md")),
        (1, 1)
    );
    files(&second, &new);
    assert_eq!(found(&home).await, [pair("kept", "K"), pair("fresh", "new")]);
    assert!(
        home.path()
            .join(".cache/opencode/skills/kept/more/a b.md")
            .is_file()
    );

    service.now_serves(&[("/base/index.json", "<html>")]);
    assert_eq!(found(&home).await, [pair("kept", "K"), pair("fresh", "new")]);
    drop(service);
    assert_eq!(found(&home).await, [pair("kept", "K"), pair("fresh", "new")]);
}
