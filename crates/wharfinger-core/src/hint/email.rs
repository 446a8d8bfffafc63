//! Hints for e-mail addresses.

use super::quoted;
use crate::reading::validate::is_email;

/// What is wrong with an address, or which one was probably meant.
pub(super) fn hint(text: &str) -> String {
    let shown = quoted(text);
    // An address is short. A long text is not searched.
    if text.len() > 1000 {
        return format!("{shown}: it is too long for an address");
    }
    let trimmed = text.trim();
    if let Some(meant) = meant(text, trimmed) {
        return format!("{shown}: did you mean {}?", quoted(&meant));
    }
    let what = match trimmed.matches('@').count() {
        0 => "there is no @",
        1 if trimmed.starts_with('@') => "there is nothing before the @",
        1 if trimmed.ends_with('@') => "there is nothing after the @",
        1 if trimmed.contains(char::is_whitespace) => "there is a space inside",
        1 if trimmed.contains("..") => "there are two points in a row",
        1 if trimmed.ends_with('.') => "it ends with a point",
        1 => "an address has the form name@example.com",
        _ if trimmed.contains([',', ';', ' ']) => "there are several addresses; send one",
        _ => "there is more than one @",
    };
    format!("{shown}: {what}")
}

/// The address inside the text, if the rest is known to be around addresses.
fn meant(text: &str, trimmed: &str) -> Option<String> {
    let bracketed = trimmed
        .strip_suffix('>')
        .and_then(|text| Some(text.rsplit_once('<')?.1));
    let inner = bracketed.unwrap_or(trimmed);
    let inner = inner.strip_prefix("mailto:").unwrap_or(inner).trim();
    let without_spaces: String = inner.split_whitespace().collect();
    let with_point = inner.replace(',', ".");
    let candidates = [
        inner.to_owned(),
        inner.trim_end_matches(['.', ',', ';']).to_owned(),
        with_point,
        inner.replace("(at)", "@").replace("[at]", "@"),
        without_spaces,
    ];
    candidates
        .into_iter()
        .find(|candidate| candidate != text && is_email(candidate))
}
