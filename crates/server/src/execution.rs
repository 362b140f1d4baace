//! Which requests have something executed or written (reference `seed-http.md` §6, class X). Whoever can
//! send them can do whatever the user of this machine can.

use axum::http::Method;

/// Methods and paths; `*` stands for one segment, `**` at the end for any number. GET, where it is not named,
/// only reads.
const EXECUTING: &[(&[&str], &str)] = &[
    (&["POST"], "/session/*/message"),
    (&["POST"], "/session/*/prompt_async"),
    (&["POST"], "/session/*/command"),
    (&["POST"], "/session/*/shell"),
    (&["POST"], "/session/*/summarize"),
    (&["POST"], "/session/*/init"),
    (&["POST"], "/session/*/revert"),
    (&["POST"], "/session/*/unrevert"),
    (&["POST"], "/session/*/share"),
    (&["POST"], "/session/*/permissions/*"),
    (&["POST"], "/permission/*/reply"),
    (&["GET", "POST", "PUT", "DELETE"], "/pty/**"),
    (&["GET", "POST", "PUT", "DELETE"], "/api/pty/**"),
    (&["POST", "DELETE"], "/api/integration/**"),
    (&["PATCH", "DELETE"], "/api/credential/*"),
    (&["POST"], "/vcs/apply"),
    (&["POST"], "/project/git/init"),
    (&["PUT", "DELETE"], "/auth/*"),
    (&["PATCH", "POST", "PUT"], "/config/**"),
    (&["PATCH", "POST", "PUT"], "/global/config"),
    (&["POST"], "/global/upgrade"),
    (&["POST", "DELETE"], "/mcp/**"),
    (&["POST"], "/provider/**"),
    (&["POST", "PUT", "PATCH", "DELETE"], "/experimental/**"),
    (&["POST", "PUT", "PATCH", "DELETE"], "/sync/**"),
    (&["GET", "POST"], "/api/chat/**"),
    (&["POST"], "/api/tools/execute"),
    (&["POST"], "/api/files/write"),
    (&["POST"], "/api/files/upload"),
    (&["POST"], "/api/config"),
];

/// Whether a request has something executed or written.
pub(crate) fn executes(method: &Method, path: &str) -> bool {
    EXECUTING
        .iter()
        .any(|(methods, pattern)| methods.contains(&method.as_str()) && fits(path, pattern))
}

fn fits(path: &str, pattern: &str) -> bool {
    let mut given = path.split('/').filter(|segment| !segment.is_empty());
    for wanted in pattern.split('/').filter(|segment| !segment.is_empty()) {
        match (wanted, given.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(segment)) if wanted == segment => {}
            _ => return false,
        }
    }
    given.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_executes_is_known_by_method_and_path() {
        for (method, path, wanted) in [
            (Method::POST, "/session/ses_1/message", true),
            (Method::GET, "/session/ses_1/message", false),
            (Method::POST, "/session", false),
            (Method::GET, "/pty", true),
            (Method::GET, "/pty/pty_1/connect", true),
            (Method::POST, "/vcs/apply", true),
            (Method::POST, "/vcs/apply/more", false),
            (Method::POST, "/api/tools/execute", true),
            (Method::GET, "/api/pty/pty_1/connect", true),
            (Method::POST, "/api/integration/openai/connect/key", true),
            (Method::GET, "/api/integration/openai", false),
            (Method::GET, "/api/tools", false),
            (Method::GET, "/api/chat/ws", true),
        ] {
            assert_eq!(executes(&method, path), wanted, "{method} {path}");
        }
    }
}
