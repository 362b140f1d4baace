//! Files of a place.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::{get, refusal};
use crate::home;

#[tokio::test]
async fn files_are_listed_found_and_read_as_they_are() {
    let home = home();
    home.write("src/deep/bravo.md", "b");
    home.write("src/a.txt", " spaced \n");
    home.write("page.html", "<script>1</script>");
    home.write("data", [0_u8, 1, 2]);
    let server = home.serve().await;

    let listed = get(&server, "/api/fs/list?path=./src").await;
    let entry = |path: &str, kind: &str| json!({ "path": path, "type": kind });
    assert_eq!(
        listed["data"],
        json!([entry("src/deep/", "directory"), entry("src/a.txt", "file")])
    );
    assert_eq!(
        listed["location"]["directory"],
        home.project().display().to_string()
    );
    let found = get(&server, "/api/fs/find?query=bravo&limit=1000").await;
    assert_eq!(found["data"], json!([entry("src/deep/bravo.md", "file")]));
    let folders = get(&server, "/api/fs/find?query=deep&type=directory").await;
    assert_eq!(folders["data"], json!([entry("src/deep/", "directory")]));

    for (path, kind, text) in [
        ("src/a.txt", "text/plain", " spaced \n"),
        ("src%2Fdeep/bravo.md", "text/markdown", "b"),
        ("page.html", "text/html", "<script>1</script>"),
        ("data", "application/octet-stream", "\0\u{1}\u{2}"),
    ] {
        let read = server.send("GET", &format!("/api/fs/read/{path}"), None).await;
        assert_eq!((read.status, read.text.as_str()), (200, text), "{path}");
        assert!(
            read.head.contains(&format!("content-type: {kind}\r\n")),
            "{path}: {}",
            read.head
        );
        assert!(
            read.head.contains("content-security-policy: sandbox"),
            "it is no page of ours"
        );
    }
}

#[tokio::test]
async fn nothing_outside_is_read_and_mistakes_have_tags() {
    let home = home();
    home.write("src/a.txt", "a");
    fs_err::write(home.path().join("secret"), "s").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(home.path().join("secret"), home.project().join("link")).unwrap();
    let server = home.serve().await;
    for (path, wanted) in [
        ("read/..%2Fhome%2Fsecret", (403, "ForbiddenError")),
        ("read/link", (403, "ForbiddenError")),
        ("list?path=..", (403, "ForbiddenError")),
        ("list?path=/", (403, "ForbiddenError")),
        ("read/none", (404, "NotFoundError")),
        ("list?path=none", (404, "NotFoundError")),
        ("read/src", (400, "InvalidRequestError")),
        ("find", (400, "InvalidRequestError")),
        ("find?query=a&limit=0", (400, "InvalidRequestError")),
        ("find?query=a&limit=x", (400, "InvalidRequestError")),
        ("find?query=a&type=other", (400, "InvalidRequestError")),
    ] {
        let (status, tag) = refusal(&server, "GET", &format!("/api/fs/{path}"), None).await;
        assert_eq!((status, tag.as_str()), wanted, "{path}");
    }
}
