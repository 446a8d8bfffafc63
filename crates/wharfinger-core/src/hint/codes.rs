//! Hints for codes of countries, currencies, languages and locales.

use std::collections::HashMap;
use std::sync::LazyLock;

use iso_currency::Currency;
use isolang::Language;

use super::names::{COUNTRY_ALIASES, CURRENCY_ALIASES, LANGUAGE_NAMES_BY_CODE};
use super::quoted;
use crate::reading::codes::{COUNTRIES, CURRENCIES, LANGUAGES};

/// Longer texts are no names of countries.
const NAME_BYTES_MAX: usize = 60;

/// Codes by normal names.
type Names = HashMap<String, &'static str>;

static COUNTRY_NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names::new();
    for country in rust_iso3166::ALL {
        // `Bolivia (Plurinational State of)` is Bolivia, `Taiwan, Province of China` Taiwan.
        let short = country.name.split(['(', ',']).next().unwrap_or_default();
        names.entry(normal(short)).or_insert(country.alpha2);
        names.insert(normal(country.name), country.alpha2);
    }
    names.extend(aliases(COUNTRY_ALIASES));
    names
});

static CURRENCY_NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names::new();
    for code in CURRENCIES.alternatives().split('|') {
        if let Some(currency) = Currency::from_code(code) {
            names
                .entry(normal(currency.name()))
                .or_insert(currency.code());
        }
    }
    names.extend(aliases(CURRENCY_ALIASES));
    names
});

static LANGUAGE_NAMES: LazyLock<Names> =
    LazyLock::new(|| aliases(LANGUAGE_NAMES_BY_CODE).collect());

fn aliases(
    table: &'static [(&'static str, &'static [&'static str])],
) -> impl Iterator<Item = (String, &'static str)> {
    table
        .iter()
        .flat_map(|(code, names)| names.iter().map(|name| (normal(name), *code)))
}

/// A name without case, spaces and punctuation.
fn normal(name: &str) -> String {
    let letters = name.chars().filter(|letter| {
        !letter.is_whitespace() && !matches!(letter, '.' | '-' | '\'' | '’' | '_')
    });
    letters.flat_map(char::to_lowercase).collect()
}

fn of_name(names: &Names, text: &str) -> Option<&'static str> {
    if text.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = normal(text);
    let without_article = name.strip_prefix("the").and_then(|name| names.get(name));
    names.get(&name).or(without_article).copied()
}

fn answer(text: &str, meant: Option<&str>, otherwise: &str) -> String {
    match meant {
        Some(meant) => format!("{}: did you mean {meant}?", quoted(text)),
        None => format!("{}: {otherwise}", quoted(text)),
    }
}

/// The country that was probably meant.
pub(super) fn country(text: &str) -> String {
    answer(
        text,
        country_meant(text),
        "a country is two capital letters, such as GB",
    )
}

fn country_meant(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.len() > NAME_BYTES_MAX {
        return None;
    }
    let capitals = text.to_uppercase();
    // `sv-SE` and `US-CA` hold a country.
    let of_locale = match capitals.split_once(['-', '_']) {
        Some((first, second)) if second.len() == 2 && first.len() == 2 => {
            let is_locale = text
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_lowercase());
            rust_iso3166::from_alpha2(if is_locale { second } else { first })
        }
        Some(_) | None => None,
    };
    let found = rust_iso3166::from_alpha2(&capitals)
        .or_else(|| rust_iso3166::from_alpha3(&capitals))
        .or_else(|| rust_iso3166::from_numeric(text.parse().ok().filter(|_| text.len() == 3)?))
        .or(of_locale);
    found
        .map(|country| country.alpha2)
        .or_else(|| of_name(&COUNTRY_NAMES, text))
}

/// The currency that was probably meant.
pub(super) fn currency(text: &str) -> String {
    let trimmed = text.trim();
    if matches!(trimmed.to_lowercase().as_str(), "kr" | "kr.") {
        return format!("{}: write SEK, DKK or NOK", quoted(text));
    }
    let by_code = || {
        Currency::from_code(
            trimmed
                .to_uppercase()
                .get(..3)
                .filter(|_| trimmed.len() == 3)?,
        )
    };
    let by_number = || Currency::from_numeric(trimmed.parse().ok()?);
    let meant = by_code().or_else(by_number).map(|currency| currency.code());
    let meant = meant.or_else(|| of_name(&CURRENCY_NAMES, trimmed));
    answer(
        text,
        meant,
        "a currency is three capital letters, such as EUR",
    )
}

/// The language that was probably meant.
pub(super) fn language(text: &str) -> String {
    answer(
        text,
        language_meant(text),
        "a language is two small letters, such as en",
    )
}

fn language_meant(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.len() > NAME_BYTES_MAX {
        return None;
    }
    let small = text.to_lowercase();
    let first = small.split(['-', '_']).next().unwrap_or_default();
    let by_code = |code: &str| match code.len() {
        2 => Language::from_639_1(code)?.to_639_1(),
        3 => Language::from_639_3(code)?.to_639_1(),
        _ => None,
    };
    by_code(first).or_else(|| of_name(&LANGUAGE_NAMES, text))
}

/// The locale that was probably meant.
pub(super) fn locale(text: &str) -> String {
    let shown = quoted(text);
    let trimmed = text.trim();
    let short = trimmed.split(['.', '@']).next().unwrap_or_default();
    let (language, country) = match short.split_once(['-', '_']) {
        Some((language, country)) => (language, Some(country)),
        None => (short, None),
    };
    let Some(code) = language_meant(language) else {
        return format!("{shown}: a locale is a language, a hyphen and a country, such as en-GB");
    };
    let Some(country) = country else {
        return format!(
            "{shown}: add a hyphen and the country, such as {code}-{}",
            usual_country(code)
        );
    };
    let Some(land) = country_meant(country) else {
        return format!("{shown}: there is no country {}", quoted(country));
    };
    let meant = format!("{code}-{land}");
    let has_right_codes = COUNTRIES.has(country.as_bytes()) && LANGUAGES.has(language.as_bytes());
    if has_right_codes && short.contains('_') {
        return format!("{shown}: use a hyphen: {meant}");
    }
    format!("{shown}: did you mean {meant}?")
}

/// A country where the language is spoken, for an example.
fn usual_country(language: &str) -> String {
    match language {
        "en" => "GB".into(),
        "sv" => "SE".into(),
        "da" => "DK".into(),
        "nb" | "nn" => "NO".into(),
        "cs" => "CZ".into(),
        "el" => "GR".into(),
        "et" => "EE".into(),
        "ja" => "JP".into(),
        "ko" => "KR".into(),
        "sl" => "SI".into(),
        "uk" => "UA".into(),
        "zh" => "CN".into(),
        _ => {
            let capitals = language.to_ascii_uppercase();
            match COUNTRIES.has(capitals.as_bytes()) {
                true => capitals,
                false => "GB".into(),
            }
        }
    }
}
