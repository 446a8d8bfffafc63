//! Reads `.request` files.

use std::borrow::Cow;

use super::Exchange;

/// A body as the file has it. It is expanded when it is needed, because repetition makes some of them very long.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    text: String,
    repeats: Option<usize>,
    is_hex: bool,
}

impl Written {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_repeated(&self) -> bool {
        self.repeats.is_some()
    }

    /// What is sent. [`parse`] has checked that it can be expanded.
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        self.expanded(self.repeats).unwrap_or_default()
    }

    fn expanded(&self, repeats: Option<usize>) -> Result<Cow<'_, [u8]>, String> {
        let body = match repeats {
            Some(count) => Cow::Owned(repeat(&self.text, count)?),
            None => Cow::Borrowed(self.text.as_str()),
        };
        if self.is_hex {
            return Ok(Cow::Owned(bytes_of_hex(&body)?));
        }
        Ok(match body {
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        })
    }
}

/// Reads a `.request` file. The response is still missing.
pub(super) fn parse(text: &str) -> Result<Exchange, String> {
    let (first, mut rest) = text.split_once('\n').unwrap_or((text, ""));
    let (method, target) = first
        .split_once(' ')
        .ok_or("the first line must be a method, a space and a target")?;
    let mut exchange = Exchange {
        method: method.into(),
        target: target.into(),
        body: Written::default(),
        coding: None,
        fields: Vec::new(),
        needs_server: false,
        expected: String::new(),
        response_file: None,
    };
    loop {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = behind;
        match line.split_once(' ').unwrap_or((line, "")) {
            ("", "") => break,
            ("@server", "") => exchange.needs_server = true,
            ("@gzip", "") => exchange.coding = Some("gzip"),
            ("@zstd", "") => exchange.coding = Some("zstd"),
            ("@hex", "") => exchange.body.is_hex = true,
            ("@repeat", count) => {
                let count: usize = count.parse().map_err(|_| format!("{line}: no count"))?;
                exchange.body.repeats = Some(count);
            }
            _ => exchange.fields.push(parse_header(line)?),
        }
    }
    if let Some(coding) = exchange.coding {
        let mut names = exchange.fields.iter().map(|(name, _)| name);
        if !names.any(|name| name == "content-encoding") {
            let said = ("content-encoding".into(), coding.into());
            exchange.fields.push(said);
        }
    }
    rest.strip_suffix('\n')
        .unwrap_or(rest)
        .clone_into(&mut exchange.body.text);
    // One repetition shows whether it can be expanded.
    let once = exchange.body.repeats.map(|_| 1);
    exchange.body.expanded(once)?;
    Ok(exchange)
}

fn parse_header(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| format!("{line}: neither a header nor a known directive"))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// Repeats the text between each `{{repeat}}` and `{{end}}` `count` times. `{{n}}` in it counts from 0.
fn repeat(written: &str, count: usize) -> Result<String, String> {
    let mut body = String::new();
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once("{{repeat}}") {
        let (pattern, behind) = behind
            .split_once("{{end}}")
            .ok_or("{{repeat}} without {{end}}")?;
        body.push_str(before);
        for n in 0..count {
            body.push_str(&pattern.replace("{{n}}", &n.to_string()));
        }
        rest = behind;
    }
    body.push_str(rest);
    Ok(body)
}

fn bytes_of_hex(text: &str) -> Result<Vec<u8>, String> {
    let mut digits = Vec::new();
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        let digit = character
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or_else(|| format!("{character} is no hexadecimal digit"))?);
    }
    if digits.len() % 2 == 1 {
        return Err("an odd number of hexadecimal digits".into());
    }
    Ok(digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect())
}
