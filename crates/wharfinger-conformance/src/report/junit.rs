//! JUnit XML, as CI systems read it.

use std::fmt::Write as _;

use super::Record;

/// The records as one test suite.
pub(crate) fn write(dialect: &str, records: &[Record]) -> String {
    let count = |result: &str| {
        records
            .iter()
            .filter(|record| record.result == result)
            .count()
    };
    let milliseconds: u128 = records.iter().map(|record| record.milliseconds).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" errors=\"0\" time=\"{}\">",
        escaped(dialect),
        records.len(),
        count("differs"),
        count("skipped"),
        seconds(milliseconds)
    );
    for record in records {
        test(record, &mut text);
    }
    text.push_str("</testsuite>\n");
    text
}

fn test(record: &Record, text: &mut String) {
    let _ = write!(
        text,
        "<testcase classname=\"{}\" name=\"{}\" time=\"{}\">",
        escaped(&record.dialect),
        escaped(&record.case),
        seconds(record.milliseconds)
    );
    if let Some(reason) = &record.reason {
        let _ = write!(text, "<skipped message=\"{}\"/>", escaped(reason));
    }
    if let Some(first) = record.differences.first() {
        let message = escaped(&first.difference.to_string());
        let _ = write!(text, "<failure type=\"difference\" message=\"{message}\">");
        for found in &record.differences {
            let line = format!(
                "step {}, {}: {}\n",
                found.step, found.request, found.difference
            );
            text.push_str(&escaped(&line));
        }
        if let (Some(rule), Some(source)) = (&record.rule, &record.source) {
            text.push_str(&escaped(&format!("rule: {rule} ({source})\n")));
        }
        text.push_str("</failure>");
    }
    text.push_str("</testcase>\n");
}

fn seconds(milliseconds: u128) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

/// Escapes text for XML. Characters that XML cannot have are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ if letter.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn xml_is_escaped() {
        assert_eq!(
            escaped("<a b=\"c\">&\u{1b}\u{0}\u{ffff}\n"),
            "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}\u{fffd}\u{fffd}&#10;"
        );
    }
}
