//! What the browser shows when a login is over.

/// The login took place.
pub(super) fn done() -> String {
    whole("Logged in", "You are logged in. This page can be closed.", "")
}

/// It did not.
pub(super) fn failed(reason: &str) -> String {
    whole("Not logged in", "The login did not take place.", reason)
}

fn whole(title: &str, words: &str, reason: &str) -> String {
    let reason = escaped(reason);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>OpenCode: {title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 1rem;\
         color-scheme:light dark}}small{{opacity:.7}}</style>\
         <h1>{title}</h1><p>{words}</p><p><small>{reason}</small></p></html>"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars().take(1000) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_no_code() {
        let page = failed("<script>alert(\"&\")</script>");
        assert!(page.contains("&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;"));
        assert!(!page.contains("<script"));
    }
}
