//! Who asks Azure: a login of its command line.

use opencode_llm::identity::{AZURE_SERVICES, Azure, Identity};
use pretty_assertions::assert_eq;
use tempfile::TempDir;

use super::{bearers, client, header, provider, send, write};

#[tokio::test]
async fn azure_is_asked_by_its_command_line() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = TempDir::new().unwrap();
    let az = |text: &str| {
        let path = write(&home, "az", &format!("#!/bin/sh\n{text}\n"));
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::path::PathBuf::from(path)
    };
    let log = home.path().join("log");
    let program = az(&format!(
        "echo \"$*\" >> '{}'; echo '{{\"accessToken\": \"entra\", \"expires_on\": 32503680000}}'",
        log.display()
    ));
    let azure = |address: &str| Azure::for_address(program.clone(), address);
    let identity = Identity::Azure(azure("https://r.openai.azure.com/openai"));
    let (server, mut target) = provider("@ai-sdk/azure", identity, 2).await;
    target.settings.keyless = true;
    target.headers.insert("api-key".to_owned(), "left".to_owned());
    let client = client();
    send(&client, &target).await;
    send(&client, &target).await;
    assert_eq!(bearers(&server), ["Bearer entra", "Bearer entra"]);
    assert_eq!(header(&server.requests()[0], "api-key"), None);
    let asked = fs_err::read_to_string(&log).unwrap();
    assert_eq!(
        asked,
        "account get-access-token --scope https://cognitiveservices.azure.com/.default --output json\n"
    );
    for (address, scope) in [
        (
            "https://r.services.ai.azure.com/anthropic/v1",
            "https://ai.azure.com/.default",
        ),
        ("https://r.services.ai.azure.com/models", AZURE_SERVICES),
        ("https://r.cognitiveservices.azure.com/openai", AZURE_SERVICES),
        ("nonsense", AZURE_SERVICES),
    ] {
        assert_eq!(azure(address).scope, scope, "{address}");
    }
    // Older versions write a local time.
    for (text, words) in [
        (
            "echo '{\"accessToken\": \"t\", \"expiresOn\": \"2999-01-01 00:00:00.000000\"}'",
            None,
        ),
        ("echo '{\"accessToken\": \"t\"}'", Some("ends")),
        ("echo nonsense", Some("something else")),
        (
            "echo 'run az login first' >&2; exit 1",
            Some("run az login first"),
        ),
    ] {
        let checked = Azure::for_address(az(text), "").check().await;
        match words {
            None => assert_eq!(checked, Ok(())),
            Some(words) => assert!(checked.clone().unwrap_err().contains(words), "{checked:?}"),
        }
    }
}
