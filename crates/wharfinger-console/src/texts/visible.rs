//! Texts from outside, with nothing invisible in them.

use maud::{Markup, html};

/// Whether a character of a text from outside is not seen, or changes the direction of what is around it.
pub(crate) fn is_hidden(letter: char) -> bool {
    let is_control = letter.is_control() && !matches!(letter, '\n' | '\t' | '\r');
    is_control
        || matches!(letter, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text from outside in which nothing is invisible, and nothing changes the direction of what is around it.
pub(crate) fn visible(text: &str) -> Markup {
    if !text.contains(is_hidden) {
        return html! { (text) };
    }
    html! {
        @for part in text.split_inclusive(is_hidden) {
            @let last = part.chars().next_back().filter(|letter| is_hidden(*letter));
            @let rest = &part[..part.len() - last.map_or(0, char::len_utf8)];
            (rest)
            @if let Some(letter) = last { span.sign { (escape(letter)) } }
        }
    }
}

/// [`visible`], for places that take no markup: titles and labels.
pub(crate) fn visible_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.push_str(&escape(letter));
        } else {
            shown.push(letter);
        }
    }
    shown
}

fn escape(letter: char) -> String {
    let code = u32::from(letter);
    // Four digits end by themselves. More need an end, or the next letters of the text could belong to them.
    if code > 0xffff {
        format!("\\u{{{code:x}}}")
    } else {
        format!("\\u{code:04x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_invisible() {
        let text = "a\u{202e}b\u{200b}\u{61c}\n";
        assert_eq!(visible_text(text), "a\\u202eb\\u200b\\u061c\n");
        let shown = visible(text).into_string();
        assert_eq!(
            shown,
            "a<span class=\"sign\">\\u202e</span>b<span class=\"sign\">\\u200b</span><span class=\"sign\">\\u061c</span>\n"
        );
        for letter in
            "\u{34f}\u{17b5}\u{180b}\u{180f}\u{2800}\u{fe0f}\u{1d173}\u{e0041}\u{e01ef}".chars()
        {
            assert!(is_hidden(letter), "{}", escape(letter));
        }
        assert_eq!(visible_text("a\u{e0041}b"), "a\\u{e0041}b");
        assert_eq!(visible("<é>").into_string(), "&lt;é&gt;");
    }
}
