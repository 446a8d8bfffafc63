//! Numbers, times and states as people read them.

use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};

/// A number with its thousands apart: 12,345.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time of the API (RFC 3339 in UTC). A module shows it in the person's own time zone; without it, UTC is shown.
pub(crate) fn time(at: &str) -> Markup {
    let (day, rest) = at.split_once('T').unwrap_or((at, ""));
    let clock = rest.get(..8).unwrap_or(rest.trim_end_matches('Z'));
    html! { time datetime=(at) { (day) " " (clock) @if !rest.is_empty() { " UTC" } } }
}

/// The beginning of a step of a plot. `form` says how it is written: `minute`, `hour`, `day` or `full`.
pub(crate) fn moment(at: &str, form: &'static str) -> Markup {
    let (day, rest) = at.split_once('T').unwrap_or((at, ""));
    let clock = rest.get(..5).unwrap_or(rest);
    html! {
        time datetime=(at) data-form=(form) {
            @match form {
                "day" => (day),
                "full" => { (day) " " (clock) " UTC" }
                _ => { (clock) " UTC" }
            }
        }
    }
}

/// A length of time, roughly: 40 s, 5 min, 3 h, 2 days.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", count(seconds / 86_400)),
    }
}

/// A state of an order, by word and colour.
pub(crate) fn state(name: &str) -> Markup {
    let tone = match name {
        "processed" => "good",
        "cancelled" => "quiet",
        "held" => "warm",
        "pending" => "plain",
        _ => "quiet",
    };
    label(name, tone)
}

/// What became of an order of a batch, or of a batch, by word and colour.
pub(crate) fn outcome(name: &str) -> Markup {
    let tone = match name {
        "accepted" | "updated" | "complete" | "mended" => "good",
        "rejected" | "open" => "bad",
        "withheld" | "partial" | "held" => "warm",
        _ => "quiet",
    };
    label(name, tone)
}

/// A word with a colour: `good`, `bad`, `warm`, `plain` or `quiet`.
pub(crate) fn label(name: &str, tone: &str) -> Markup {
    html! { span.label.(tone) { (name) } }
}

/// A text of the API as a sentence: with a capital letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let mut sentence: String = letters
        .next()
        .map(char::to_uppercase)
        .into_iter()
        .flatten()
        .collect();
    sentence.push_str(letters.as_str());
    if !sentence.is_empty() && !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// An error without the number that only the operating system knows: `Connection refused (os error 111)`.
pub(crate) fn without_number(error: &str) -> String {
    let Some((before, rest)) = error.split_once(" (os error ") else {
        return error.to_owned();
    };
    let after = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("{before}{}", after.strip_prefix(')').unwrap_or(after))
}

/// A number of things: `1 event`, `2,000 events`.
pub(crate) fn several(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// The day after a day such as `2026-11-30`: a person names the last day that is shown, and the API the time before which to
/// stop. `None` if it is no day.
pub(crate) fn next_day(day: &str) -> Option<Date> {
    let day = day.parse::<Date>().ok()?;
    day.checked_add(1.day()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let numbers = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in numbers {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn texts_of_the_api_are_sentences() {
        assert_eq!(sentence("every attempt fails"), "Every attempt fails.");
        assert_eq!(sentence("It is so."), "It is so.");
        assert_eq!(sentence(""), "");
        let error = "No connection: Connection refused (os error 111).";
        assert_eq!(without_number(error), "No connection: Connection refused.");
        assert_eq!(several(1, "event", "events"), "1 event");
        assert_eq!(several(2_000, "event", "events"), "2,000 events");
    }

    #[test]
    fn an_age_is_rough() {
        let ages = [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_200, "2 h"),
            (200_000, "2 days"),
        ];
        for (seconds, text) in ages {
            assert_eq!(age(seconds), text);
        }
    }

    #[test]
    fn a_time_is_shown_in_utc_and_names_it() {
        let shown = time("2026-11-30T08:15:00.123Z").into_string();
        assert!(shown.contains(">2026-11-30 08:15:00 UTC<"), "{shown}");
        assert!(time("2026-11-30").into_string().contains(">2026-11-30 <"));
    }
}
