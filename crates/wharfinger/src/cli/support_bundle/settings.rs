//! The settings in effect, without passwords.

use anyhow::Result;
use serde_json::Value;
use url::Url;

use crate::serve::config::Config;

/// Parts of the names of settings whose values are secrets.
const SECRET: [&str; 4] = ["password", "secret", "token", "headers"];

/// The settings as JSON.
pub(super) fn shown(config: &Config) -> Result<String> {
    let mut settings = serde_json::to_value(&config.settings)?;
    if let Some(settings) = settings.as_object_mut() {
        for (name, value) in settings.iter_mut() {
            if let Value::String(text) = value {
                *text = harmless(name, text);
            }
        }
        if settings.get("database").is_some_and(Value::is_string) {
            // Shown as the program shows it everywhere else.
            settings.insert("database".into(), config.location.to_string().into());
        }
    }
    Ok(serde_json::to_string_pretty(&settings)?)
}

/// The value of a setting without secrets.
fn harmless(name: &str, value: &str) -> String {
    let is_file = name.ends_with("_file");
    if !is_file && SECRET.iter().any(|part| name.contains(part)) {
        return "<left out>".into();
    }
    if !value.contains("://") {
        return value.to_owned();
    }
    match Url::parse(value) {
        // A path or a query may be a secret too.
        Ok(url) => {
            let port = url
                .port()
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            format!(
                "{}://{}{port}",
                url.scheme(),
                url.host_str().unwrap_or_default()
            )
        }
        Err(_) => "<left out>".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn secrets_of_settings_are_left_out() {
        for (name, value, shown) in [
            ("log", "info", "info"),
            ("data", "/var/lib/wharfinger", "/var/lib/wharfinger"),
            ("database_password_file", "/etc/p", "/etc/p"),
            ("some_token", "abc", "<left out>"),
            (
                "destinations_proxy",
                "http://ann:pw@proxy:3128/x?y=z",
                "http://proxy:3128",
            ),
            ("otlp", "https://k@[::1]", "https://[::1]"),
            ("otlp", "https://k:[", "<left out>"),
        ] {
            assert_eq!(harmless(name, value), shown);
        }
    }
}
