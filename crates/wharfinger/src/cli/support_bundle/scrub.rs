//! Takes out of texts what may be secret or personal.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::serve::config::Config;
use crate::store::{Content, Destination, Location};

/// What is replaced, and by what. The order matters: a URL may have an address in it.
static PATTERNS: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
    let compiled = |pattern: &str| Regex::new(pattern).expect("the pattern is valid");
    [
        // Credentials in a URL, and what may be a secret in its path.
        (compiled(r"\b[a-z][a-z0-9+.-]*://[^\s\x22']+"), "<url>"),
        (
            compiled(r"(?i)[^\s\x22'<>(),;:=]+@[^\s\x22'<>(),;]+"),
            "<e-mail>",
        ),
        (compiled(r"\bwhf_[A-Za-z0-9_-]+"), "<secret>"),
        (compiled(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "<address>"),
        (
            compiled(r"(?i)\b[0-9a-f]{1,4}::[0-9a-f]{1,4}\b|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,}"),
            "<address>",
        ),
    ]
});

/// The shortest code or name of an organisation that is looked for within texts. Shorter ones occur in other words.
const WORD_MIN: usize = 3;

/// Scrubs texts.
pub(super) struct Scrubber {
    /// The codes of organisations, and what stands for them.
    codes: HashMap<String, String>,
    /// Codes and names of organisations and hosts of destinations within texts, the longest first.
    words: Vec<(String, String)>,
    /// The store, as the program writes it: no secret.
    location: Option<String>,
}

impl Scrubber {
    /// One that knows the organisations of a store.
    pub(super) fn new(content: Option<&Content>, config: &Config) -> Self {
        let organisations = content.map_or(&[][..], |content| &content.organisations);
        let (mut codes, mut words) = (HashMap::new(), Vec::new());
        for (number, (code, name)) in organisations.iter().enumerate() {
            let stand_in = format!("org-{}", number + 1);
            codes.insert(code.clone(), stand_in.clone());
            for word in [code, name] {
                if word.chars().count() >= WORD_MIN {
                    words.push((word.clone(), stand_in.clone()));
                }
            }
        }
        let destinations = content.map_or(&[][..], |content| &content.destinations);
        for (status, _, _) in destinations {
            if let Some(host) = host_of(&status.destination) {
                words.push((host, "<host>".into()));
            }
        }
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        let location = match &config.location {
            Location::Directory(_) => None,
            Location::Database(_) => Some(config.location.to_string()),
        };
        Self {
            codes,
            words,
            location,
        }
    }

    /// What stands for an organisation. Another code may be anything that a client sent.
    pub(super) fn organisation(&self, code: &str) -> String {
        self.codes
            .get(code)
            .cloned()
            .unwrap_or_else(|| "<unknown>".into())
    }

    /// A text without what may be secret or personal.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = match &self.location {
            Some(location) => text.replace(location, "the database"),
            None => text.to_owned(),
        };
        for (pattern, stand_in) in PATTERNS.iter() {
            text = pattern.replace_all(&text, *stand_in).into_owned();
        }
        for (word, stand_in) in &self.words {
            text = without_word(&text, word, stand_in);
        }
        text
    }
}

/// The host of a destination. `None` if it has none.
fn host_of(destination: &Destination) -> Option<String> {
    let settings: Value = serde_json::from_str(&destination.settings).ok()?;
    let url = url::Url::parse(settings["url"].as_str()?).ok()?;
    url.host_str().map(str::to_owned)
}

/// Replaces a word where it stands alone.
fn without_word(text: &str, word: &str, stand_in: &str) -> String {
    let is_part = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, behind) = (&rest[..at], &rest[at + word.len()..]);
        let before_it = before.chars().next_back().or(replaced.chars().next_back());
        replaced.push_str(before);
        let is_alone = !is_part(before_it) && !is_part(behind.chars().next());
        replaced.push_str(if is_alone { stand_in } else { word });
        rest = behind;
    }
    replaced.push_str(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::Scrubber;

    #[test]
    fn what_may_be_secret_or_personal_is_replaced() {
        let scrubber = Scrubber {
            codes: HashMap::from([("TRK001".into(), "org-1".into())]),
            words: vec![
                ("Harbour Books".into(), "org-1".into()),
                ("TRK001".into(), "org-1".into()),
            ],
            location: Some("postgres://ann@db/orders".into()),
        };
        for (text, scrubbed) in [
            ("it took 17.5 ms at 10:11:12", "it took 17.5 ms at 10:11:12"),
            ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            (
                "mail to ann@example.com, please",
                "mail to <e-mail>, please",
            ),
            ("{\"a\":\"Ann.B@shop\"}", "{\"a\":\"<e-mail>\"}"),
            ("the key whf_AbC-1_z is wrong", "the key <secret> is wrong"),
            ("from 203.0.113.7:4711", "from <address>:4711"),
            ("from 2001:db8::1:2", "from <address>"),
            ("from fe80::1%eth0", "from <address>%eth0"),
            ("wharfinger::http::request", "wharfinger::http::request"),
            ("https://u:p@h/hook?t=1 failed", "<url> failed"),
            ("in postgres://ann@db/orders: x", "in the database: x"),
            ("of TRK001 (Harbour Books)", "of org-1 (org-1)"),
            ("XTRK001 TRK0012 TRK001", "XTRK001 TRK0012 org-1"),
        ] {
            assert_eq!(scrubber.text(text), scrubbed);
        }
        assert_eq!(scrubber.organisation("TRK001"), "org-1");
        assert_eq!(scrubber.organisation("ann"), "<unknown>");
    }
}
