//! What a request is about: the place that it names, and what is there.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{get, refusal};
use crate::home;

#[tokio::test]
async fn a_place_is_named_by_query_or_header_and_said_in_the_answer() {
    let home = home();
    home.write("src/a b%20c/x.txt", "x");
    let server = home.serve().await;
    let root = home.project().display().to_string();
    assert_eq!(get(&server, "/api/health").await, json!({ "healthy": true }));
    let here = get(&server, "/api/location").await;
    assert_eq!(here["directory"], root);
    assert_eq!(here["project"]["directory"], root);
    assert_eq!(here["project"]["id"].as_str().unwrap().len(), 40, "{here}");

    let named = get(&server, "/api/location?location%5Bdirectory%5D=src").await;
    assert_eq!(named["directory"], format!("{root}/src"));
    assert_eq!(named["project"], here["project"]);
    // A name that looks encoded is a name.
    let path = format!("/api/location?location%5Bdirectory%5D={root}/src/a+b%2520c");
    assert_eq!(
        get(&server, &path).await["directory"],
        format!("{root}/src/a b%20c")
    );
    let header = format!("{}%2Fsrc", root.replace('/', "%2F"));
    let headers = [("x-opencode-directory", header.as_str())];
    let by_header = server.send_with("GET", "/api/agent", &headers, None).await.json();
    assert_eq!(by_header["location"]["directory"], format!("{root}/src"));

    for (query, wanted) in [
        ("location%5Bdirectory%5D=/no/such/folder", 400),
        ("location=src", 400),
        ("location%5Bworkspace%5D=bad", 400),
        ("location%5Bworkspace%5D=wrk_none", 404),
    ] {
        let (status, tag) = refusal(&server, "GET", &format!("/api/location?{query}"), None).await;
        assert_eq!(status, wanted, "{query}: {tag}");
    }
    let (status, tag) = refusal(&server, "POST", "/api/health", None).await;
    assert_eq!((status, tag.as_str()), (405, "MethodNotAllowedError"));
}

#[tokio::test]
async fn what_is_defined_in_a_place_is_listed() {
    let home = home();
    home.write(
        "opencode.json",
        json!({
            "command": { "greet": { "template": "Greet $1", "description": "greets", "model": "p/m/n" } },
            "agent": {
                "rev": { "description": "reviews", "mode": "subagent", "prompt": "Review.", "temperature": 0.3,
                    "steps": 5, "color": "#ff0000", "model": "p/m", "permission": { "edit": "deny" } },
                "plan": { "disable": true },
            },
            "references": {
                "docs": { "path": "./src", "description": "the docs" },
                "away": { "repository": "foo/bar", "branch": "main", "hidden": true },
            },
        })
        .to_string(),
    );
    home.write(
        ".opencode/skills/foo/SKILL.md",
        "---\nname: foo\ndescription: does foo\n---\nbody\n",
    );
    let server = home.serve().await;

    let agents = get(&server, "/api/agent").await;
    let rows = agents["data"].as_array().unwrap();
    let ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
    let wanted = [
        "build",
        "general",
        "explore",
        "compaction",
        "title",
        "summary",
        "rev",
    ];
    assert_eq!(ids, wanted);
    let mut last = rows.last().unwrap().clone();
    let rules = last["permissions"].take();
    assert_eq!(
        last,
        json!({
            "id": "rev", "model": { "id": "m", "providerID": "p" },
            "request": { "headers": {}, "body": { "temperature": 0.3 } }, "system": "Review.",
            "description": "reviews", "mode": "subagent", "hidden": false, "color": "#ff0000", "steps": 5,
            "permissions": null,
        })
    );
    let rule = json!({ "action": "edit", "resource": "*", "effect": "deny" });
    assert!(rules.as_array().unwrap().contains(&rule), "{rules}");

    let commands = get(&server, "/api/command").await;
    let greet = json!({ "name": "greet", "template": "Greet $1", "description": "greets",
        "model": { "id": "m/n", "providerID": "p" } });
    let names: Vec<&Value> = commands["data"].as_array().unwrap().iter().collect();
    assert!(names.contains(&&greet), "{commands}");
    assert!(
        names.iter().all(|command| command["name"] != "foo"),
        "a skill is no command"
    );

    let skills = get(&server, "/api/skill").await;
    let place = home.project().join(".opencode/skills/foo/SKILL.md");
    let foo = json!({ "name": "foo", "description": "does foo", "location": place, "content": "body\n" });
    assert_eq!(skills["data"].as_array().unwrap().last(), Some(&foo));

    let references = get(&server, "/api/reference").await;
    let source = home.project().join("src");
    let kept = home.data().join("repos/github.com/foo/bar@main");
    assert_eq!(
        references["data"],
        json!([
            { "name": "docs", "path": source, "description": "the docs",
              "source": { "type": "local", "path": source, "description": "the docs" } },
            { "name": "away", "path": kept, "hidden": true,
              "source": { "type": "git", "repository": "foo/bar", "branch": "main", "hidden": true } },
        ])
    );
}
