use pretty_assertions::assert_eq;
use tempfile::TempDir;

use super::*;

fn converted(name: &str, text: &str, to: &str) -> (String, Vec<String>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs_err::write(&path, text).unwrap();
    let converted = file(&path, Some(to)).unwrap();
    (converted.text, converted.report)
}

const JSON: &str = r#"{
  // the best
  "model": "a/{env:M}", // for now
  "permission": {
    "bash": { "*": "ask", "git *": "allow" },
    // all the rest
    "*": "deny"
  },
  "agent": {
    /* reads
     * only */
    "reader": { "prompt": "one\ntwo", "steps": 3 }
  },
  "instructions": ["a", /* odd */ "b"]
  // end
}
"#;

#[test]
fn comments_and_order_go_along() {
    let (toml, report) = converted("opencode.jsonc", JSON, "toml");
    assert_eq!(
        toml,
        r#"# the best
# for now
model = "a/{env:M}"
# odd
instructions = ["a", "b"]

[permission]
bash = { "*" = "ask", "git *" = "allow" }
# all the rest
"*" = "deny"

# reads
# only
[agent.reader]
prompt = """
one
two"""
steps = 3

# end
"#
    );
    assert_eq!(report, [""; 0]);
    let (json, report) = converted("opencode.toml", &toml, "jsonc");
    assert_eq!(report, [""; 0]);
    assert!(
        json.contains("  // the best\n  // for now\n  \"model\": \"a/{env:M}\","),
        "{json}"
    );
    assert!(
        json.contains("    // all the rest\n    \"*\": \"deny\""),
        "{json}"
    );
    let value =
        |text: &str| -> Value { jsonc_parser::parse_to_serde_value::<Value>(text, &text::OPTIONS).unwrap() };
    assert_eq!(value(&json), value(JSON));
}

#[test]
fn older_keys_are_todays_and_it_is_told() {
    let old = r#"{
  "theme": "x", "autoshare": true, "layout": "auto",
  // off
  "tools": { "write": false },
  "permission": "ask",
  "mode": { "m": { "maxSteps": 2, "prompt": "p" } },
  "profile": { "p": { "autoshare": true } }
}"#;
    let (json, report) = converted("opencode.json", old, "json");
    let wanted = r#"{
  "theme": "x",
  // off
  "permission": {
    "edit": "deny",
    "*": "ask"
  },
  "profile": {
    "p": {
      "share": "auto"
    }
  },
  "agent": {
    "m": {
      "prompt": "p",
      "steps": 2,
      "mode": "primary"
    }
  },
  "share": "auto"
}
"#;
    assert_eq!(json, wanted);
    assert_eq!(
        report,
        [
            "mode.m → agent.m",
            "agent.m.maxSteps → agent.m.steps",
            "tools → permission",
            "autoshare → share",
            "layout has no effect and is left out",
            "theme stays, but belongs into tui.json",
            "profile.p.autoshare → profile.p.share",
        ]
    );
}

#[test]
fn what_cannot_go_along_is_told() {
    let (_, report) = converted("opencode.jsonc", JSON, "json");
    assert_eq!(report, ["7 comments are left out; jsonc keeps them"]);
    let (toml, report) = converted("opencode.json", r#"{"a": null, "b": [1, 2.5]}"#, "toml");
    assert_eq!(toml, "b = [1, 2.5]\n");
    assert_eq!(report, ["a is null, which TOML does not have, and is left out"]);
    let (json, _) = converted("config", "provider = \"p\"\nmodel = \"m\"\n", "json");
    assert_eq!(json, "{\n  \"model\": \"p/m\"\n}\n");
}

#[test]
fn the_file_as_it_was_is_kept() {
    let folder = TempDir::new().unwrap();
    let environment: Environment = [("HOME".to_owned(), "/h".to_owned())].into_iter().collect();
    let paths = Paths::new(&environment);
    let path = folder.path().join("opencode.json");
    fs_err::write(&path, r#"{"share": "auto"}"#).unwrap();
    let toml = file(&path, Some("toml")).unwrap();
    let kept = write(&path, &toml, &paths, &environment).unwrap();
    assert!(!path.exists() && kept.ends_with("opencode.json.bak"));
    assert_eq!(fs_err::read_to_string(&toml.path).unwrap(), "share = \"auto\"\n");
    assert_eq!(fs_err::read_to_string(&kept).unwrap(), r#"{"share": "auto"}"#);
    fs_err::write(&path, r#"{"share": "manual"}"#).unwrap();
    let second = file(&path, Some("toml")).unwrap();
    write(&path, &second, &paths, &environment).unwrap_err();
    assert!(path.exists(), "what cannot be written changes nothing");
}
