//! The hint for a value, by its code.

use super::{Sent, codes, dates, email, numbers, quoted, shortened};
use crate::json::Kind;

/// What is wrong with a value, or what was probably meant. `name` is the attribute's name.
pub(super) fn hint(
    code: &str,
    bound: Option<&str>,
    name: &str,
    value: Option<&Sent<'_>>,
) -> Option<String> {
    // These name a member, or a part of the text, not a value.
    match code {
        "not_name" => return name_hint(name),
        "repeated_name" => {
            return Some(format!("{}: keep one of the two", quoted(name)));
        }
        "lone_surrogate" => {
            return Some(
                "an emoji was cut in half; write the whole character, or both of its escapes"
                    .into(),
            );
        }
        "nul_character" => return Some("remove \\u0000".into()),
        "too_deep" => return Some("the levels are counted from the order itself".into()),
        _ => {}
    }
    let value = value?;
    if let Some(hint) = wrong_kind(code, value) {
        return Some(hint);
    }
    let text = &*value.text;
    if code == "required" {
        return missing(value).map(Into::into);
    }
    let is_text = value.kind == Kind::Text;
    Some(match code {
        "not_date" => dates::hint(text, is_text, bound?),
        "not_price" => numbers::price(text, is_text),
        "not_number" => numbers::number(text),
        "not_integer" => numbers::integer(text, is_text),
        "not_boolean" => boolean(text),
        "not_email" => email::hint(text),
        "not_country" => codes::country(text),
        "not_language" => codes::language(text),
        "not_locale" => codes::locale(text),
        "not_currency" => codes::currency(text),
        "not_one_of" => choice(text, bound?),
        "too_long" => too_long(text, bound?.parse().ok()?),
        "too_many_decimals" => numbers::decimals(text)?,
        "too_many_digits" => numbers::digits(text, bound?.parse().ok()?)?,
        "not_of_form" => form(text, bound?)?,
        _ => return None,
    })
}

/// What is wrong if the value has another type than the code expects.
fn wrong_kind(code: &str, value: &Sent<'_>) -> Option<String> {
    let is_json_in_text = || {
        let text = value.text.trim();
        value.kind == Kind::Text
            && (text.starts_with('{') && text.ends_with('}')
                || text.starts_with('[') && text.ends_with(']'))
    };
    let found = match value.kind {
        Kind::Null => "null",
        Kind::True | Kind::False => "a boolean",
        Kind::Number => "a number",
        Kind::Text => "text",
        Kind::Array => "an array",
        Kind::Object => "an object",
    };
    match code {
        "not_object" | "not_array" if is_json_in_text() => {
            Some("this is JSON inside text; send it without the quotes and their escapes".into())
        }
        "not_object" if value.kind == Kind::Array => {
            Some("this is an array; send the object without [ ]".into())
        }
        "not_array" if value.kind == Kind::Object => {
            Some("this is an object; put [ ] around it".into())
        }
        "not_object" | "not_array" => Some(format!("this is {found}")),
        "not_text" => Some(match value.kind {
            Kind::True | Kind::False => format!("{0}: write it as text: \"{0}\"", value.text),
            Kind::Null | Kind::Number | Kind::Text | Kind::Array | Kind::Object => {
                format!("this is {found}")
            }
        }),
        "not_date" | "not_price" | "not_number" | "not_integer" | "not_boolean" | "not_email"
        | "not_country" | "not_language" | "not_locale" | "not_currency" | "not_one_of"
            if matches!(value.kind, Kind::Array | Kind::Object) =>
        {
            Some(format!("this is {found}"))
        }
        _ => None,
    }
}

fn missing(value: &Sent<'_>) -> Option<&'static str> {
    match value.kind {
        Kind::Null => Some("null counts as missing"),
        Kind::Text if value.text.trim().is_empty() => Some("blank text counts as missing"),
        Kind::Array if value.is_empty_container => Some("an empty array counts as missing"),
        Kind::Object if value.is_empty_container => Some("an empty object counts as missing"),
        Kind::True | Kind::False | Kind::Number | Kind::Text | Kind::Array | Kind::Object => None,
    }
}

fn boolean(text: &str) -> String {
    let word = text.trim().to_lowercase();
    let meant = match word.as_str() {
        "yes" | "y" | "on" | "t" | "true" | "ja" | "j" | "oui" | "si" | "sí" | "x" => "true",
        "no" | "n" | "off" | "f" | "false" | "nein" | "nej" | "non" | "nee" => "false",
        _ => return format!("{}: write true or false", quoted(text)),
    };
    format!("{}: write {meant}", quoted(text))
}

/// The allowed value that is most similar.
fn choice(text: &str, choices: &str) -> String {
    let word = text.trim().to_lowercase();
    let near = choices.split(", ").map(|choice| {
        let short = word.len() <= 2 * choice.len() + 2;
        let distance = match short {
            true => strsim::osa_distance(&word, &choice.to_lowercase()),
            false => usize::MAX,
        };
        (distance, choice)
    });
    match near.min() {
        Some((distance, choice)) if distance <= choice.len() / 3 && choice.len() > 1 => {
            format!("{}: did you mean {choice}?", quoted(text))
        }
        _ => format!("{}: write one of {choices}", quoted(text)),
    }
}

fn too_long(text: &str, chars_max: usize) -> String {
    let chars = text.chars().count();
    format!(
        "it has {chars} characters, {} too many",
        chars.saturating_sub(chars_max)
    )
}

/// A member's name in the form that is allowed.
fn name_hint(name: &str) -> Option<String> {
    let mut meant = String::new();
    let mut was_lower = false;
    for letter in shortened(name, 100).chars() {
        if letter.is_ascii_alphanumeric() {
            if letter.is_ascii_uppercase() && was_lower {
                meant.push('_');
            }
            was_lower = letter.is_ascii_lowercase();
            meant.push(letter.to_ascii_lowercase());
        } else if !meant.is_empty() && !meant.ends_with('_') {
            meant.push('_');
            was_lower = false;
        }
    }
    let meant = meant.trim_end_matches('_');
    (!meant.is_empty()).then(|| format!("{}: did you mean {}?", quoted(name), quoted(meant)))
}

fn form(text: &str, form: &str) -> Option<String> {
    let is_url = form.starts_with("a URL");
    let looks_so =
        !text.contains("://") && text.contains('.') && !text.contains(char::is_whitespace);
    (is_url && looks_so).then(|| format!("{}: write https:// before it", quoted(text)))
}
