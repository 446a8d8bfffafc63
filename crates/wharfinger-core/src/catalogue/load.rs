//! What is said of products and customers that are to be loaded: lines, read attribute by attribute.
//!
//! A line says something of what it names and leaves the rest as it is. So an attribute that is absent is one thing, and one
//! that is there and blank another: it goes back to what it is in a new product or customer.

use super::PIECES_MAX;
use crate::canonical::Amount;
use crate::email;
use crate::form::{Form, Need, Notes};
use crate::json::{
    Content, Entry, Envelope, Kind, Lines, Malformed, NameCase, Reader, Rules, Value,
};
use crate::limits::Limits;
use crate::problem::{Code, Path, Problem};
use crate::validate::{self, Checked};

/// The longest text of an attribute, in characters.
pub const TEXT_CHARS_MAX: usize = 255;

/// The longest list.
pub const LIST_TEXTS_MAX: usize = 255;

/// Decimals of a price.
pub const PRICE_DECIMALS_MAX: u32 = 2;

/// Problems told of one line.
const PROBLEMS_PER_LINE_MAX: usize = 20;

/// What stands between the texts of a list in a table. So none of them may hold it.
pub const LIST_SEPARATOR: char = '|';

/// What a line says of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<T> {
    /// Nothing: it stays as it is.
    Nothing,
    /// That there is none.
    Blank,
    /// What it is.
    Is(T),
}

impl<T> Said<T> {
    /// What the attribute is from now on.
    #[must_use]
    pub fn over(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => before,
            Self::Blank => None,
            Self::Is(value) => Some(value),
        }
    }
}

/// A line that can be loaded.
pub trait LoadLine: Clone + Send + Sync + Sized + 'static {
    /// The names of its attributes.
    const ATTRIBUTES: &'static [&'static str];
    /// Those of them that are lists.
    const LISTS: &'static [&'static str];
    /// What names the thing that it is about, of which it must give one.
    const NAMED_BY: &'static str;

    /// Reads it.
    fn read(form: &mut Form<'_, '_, '_>) -> Self;

    /// Whether it names what it is about.
    fn is_named(&self) -> bool;
}

/// One thing that is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineProblem {
    /// The attribute at fault; empty for the line itself.
    pub path: Path,
    /// What is wrong with it, stable.
    pub code: &'static str,
    /// The sentence that says so.
    pub message: String,
}

impl LineProblem {
    /// The attribute belongs to something else than what the line names; `whose` says to what.
    #[must_use]
    pub fn taken(attribute: &str, whose: &str) -> Self {
        Self {
            path: Path::of(attribute),
            code: "taken",
            message: format!("{attribute} is that of {whose}"),
        }
    }

    /// The attribute must be there; `why` is the end of the sentence.
    #[must_use]
    pub fn required(attribute: &str, why: &str) -> Self {
        Self {
            path: Path::of(attribute),
            code: Code::Required.id(),
            message: format!("{attribute} {why}"),
        }
    }
}

impl From<Problem> for LineProblem {
    fn from(problem: Problem) -> Self {
        let message = if problem.path.is_root() {
            format!("the line {}", problem.code)
        } else {
            problem.to_string()
        };
        Self {
            path: problem.path,
            code: problem.code.id(),
            message,
        }
    }
}

/// A line, or all that is wrong with it.
pub type ReadLine<L> = Result<L, Vec<LineProblem>>;

/// A product, as a line tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductLine {
    /// See [`super::Product`]. What names the product is never taken away from it.
    pub id: Option<u64>,
    /// As above.
    pub sku: Option<String>,
    /// As above.
    pub ean: Option<String>,
    /// Sold, where it is blank or a new product's line does not say.
    pub active: Said<bool>,
    /// As in [`super::Product`]; so are those below.
    pub warehouse: Said<String>,
    /// None leaves the pieces on hand as they are.
    pub stock: Option<u64>,
    /// What one costs.
    pub price: Said<Amount>,
    /// The price's currency.
    pub currency: Said<String>,
    /// What it is called.
    pub name: Said<String>,
    /// The markets that it is sold in.
    pub markets: Said<Vec<String>>,
    /// The price lists that it is sold by.
    pub pricelists: Said<Vec<String>>,
}

impl LoadLine for ProductLine {
    const ATTRIBUTES: &'static [&'static str] = &[
        "id",
        "sku",
        "ean",
        "active",
        "warehouse",
        "stock",
        "price",
        "currency",
        "name",
        "markets",
        "pricelists",
    ];
    const LISTS: &'static [&'static str] = &["markets", "pricelists"];
    const NAMED_BY: &'static str = "id, sku or ean";

    fn read(form: &mut Form<'_, '_, '_>) -> Self {
        Self {
            id: form.optional("id", validate::integer(0, PIECES_MAX)),
            sku: form.optional("sku", text),
            ean: form.optional("ean", text),
            active: said(form, "active", validate::boolean),
            warehouse: said(form, "warehouse", text),
            stock: form.optional("stock", validate::integer(0, PIECES_MAX)),
            price: said(form, "price", |value| {
                let price = validate::price(PRICE_DECIMALS_MAX)(value)?;
                Ok(Amount::of(&price))
            }),
            currency: said(form, "currency", |value| {
                validate::currency(value).map(Into::into)
            }),
            name: said(form, "name", text),
            markets: list(form, "markets"),
            pricelists: list(form, "pricelists"),
        }
    }

    fn is_named(&self) -> bool {
        self.id.is_some() || self.sku.is_some() || self.ean.is_some()
    }
}

/// A customer, as a line tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerLine {
    /// See [`super::Customer`]. What names the customer is never taken away from it.
    pub id: Option<u64>,
    /// As above; in its normal form.
    pub email: Option<String>,
    /// Given names.
    pub first_name: Said<String>,
    /// Family names.
    pub last_name: Said<String>,
    /// Whether it asked for the way to a new password; blank is no.
    pub wants_new_password: Said<bool>,
}

impl LoadLine for CustomerLine {
    const ATTRIBUTES: &'static [&'static str] = &[
        "id",
        "email",
        "first_name",
        "last_name",
        "wants_new_password",
    ];
    const LISTS: &'static [&'static str] = &[];
    const NAMED_BY: &'static str = "id or email";

    fn read(form: &mut Form<'_, '_, '_>) -> Self {
        Self {
            id: form.optional("id", validate::integer(0, PIECES_MAX)),
            email: form.optional("email", |value| {
                let address = validate::email(value)?;
                // What is kept fits on a line.
                text(value)?;
                Ok(email::normal(&address).into_owned())
            }),
            first_name: said(form, "first_name", text),
            last_name: said(form, "last_name", text),
            wants_new_password: said(form, "wants_new_password", validate::boolean),
        }
    }

    fn is_named(&self) -> bool {
        self.id.is_some() || self.email.is_some()
    }
}

/// What a line says of an attribute.
fn said<'d, 'a, T>(
    form: &mut Form<'_, 'd, 'a>,
    name: &str,
    rule: impl FnOnce(Value<'d, 'a>) -> Checked<T>,
) -> Said<T> {
    match form.optional(name, rule) {
        Some(value) => Said::Is(value),
        None if form.has(name) => Said::Blank,
        None => Said::Nothing,
    }
}

/// What a line says of a list of texts; an empty one is none.
fn list(entry: &mut Form<'_, '_, '_>, name: &str) -> Said<Vec<String>> {
    let mut texts = Vec::new();
    entry.scalars(name, Need::Optional, |value| {
        if value.is_blank() {
            return Err(Code::Required);
        }
        let text = text(value)?;
        if text.contains(LIST_SEPARATOR) {
            return Err(Code::NotOfForm {
                form: "text without |",
            });
        }
        if texts.len() <= LIST_TEXTS_MAX {
            texts.push(text);
        }
        Ok(())
    });
    if texts.len() > LIST_TEXTS_MAX {
        let form = "a list of at most 255 texts";
        entry.problem(name, Code::NotOfForm { form });
    }
    match texts.is_empty() {
        false => Said::Is(texts),
        true if entry.has(name) => Said::Blank,
        true => Said::Nothing,
    }
}

/// Text that fits on a line.
fn text(value: Value<'_, '_>) -> Checked<String> {
    validate::line_text(TEXT_CHARS_MAX)(value).map(Into::into)
}

/// The bounds of a line are those of an order.
fn rules(limits: &Limits) -> Rules {
    Rules {
        names: NameCase::Exact,
        depth_max: limits.order_depth_max,
        order_bytes_max: limits.order_bytes_max,
    }
}

/// Reads an array of objects, or one object.
///
/// # Errors
/// The text cannot be read to its end.
pub fn read_array<L: LoadLine>(
    body: &[u8],
    limits: &Limits,
    mut take: impl FnMut(ReadLine<L>),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(body, Envelope::OneOrMany, rules(limits))?;
    while let Some(entry) = reader.next()? {
        take(read_entry(&entry));
    }
    Ok(())
}

/// Reads objects one a line, of which so many stand before. `take` is given the number of each line that is not blank, from 1.
pub fn read_lines<L: LoadLine>(
    body: &[u8],
    lines_before: usize,
    limits: &Limits,
    mut take: impl FnMut(usize, ReadLine<L>),
) {
    let mut lines = Lines::new(body, lines_before, rules(limits));
    while let Some(line) = lines.next() {
        let read = match line.content {
            Content::Order(entry) => read_entry(&entry),
            Content::Unreadable(_, code) => Err(vec![Problem::with_order(code).into()]),
        };
        take(line.number, read);
    }
}

/// Reads a row of a table: the names of its columns, and its fields. Texts of a list stand with `|` between them.
pub fn read_row<L: LoadLine>(columns: &[&str], fields: &[&str], limits: &Limits) -> ReadLine<L> {
    let mut json = String::from("{");
    for (column, field) in columns.iter().zip(fields) {
        if json.len() > 1 {
            json.push(',');
        }
        push_text(&mut json, column);
        json.push(':');
        if L::LISTS.contains(column) && !field.trim().is_empty() {
            json.push('[');
            for (at, text) in field.split(LIST_SEPARATOR).enumerate() {
                json.push_str(if at > 0 { "," } else { "" });
                push_text(&mut json, text);
            }
            json.push(']');
        } else {
            push_text(&mut json, field);
        }
    }
    json.push('}');
    let broken = |fault: Malformed| LineProblem {
        path: Path::default(),
        code: "not_json",
        message: format!("the line cannot be read: {}", fault.reason),
    };
    let mut read = Err(Vec::new());
    read_array(json.as_bytes(), limits, |line| read = line).map_err(|fault| vec![broken(fault)])?;
    read
}

/// Writes JSON text; most needs no escapes.
fn push_text(json: &mut String, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Reads one line.
fn read_entry<L: LoadLine>(entry: &Entry<'_, '_>) -> ReadLine<L> {
    if !entry.faults.is_empty() {
        return Err(told(entry.faults.to_vec()));
    }
    if entry.value.kind() != Kind::Object {
        return Err(told(vec![Problem::with_order(Code::NotObject)]));
    }
    let mut notes = Notes::default();
    let line = L::read(&mut Form::of_order(entry.value, &mut notes));
    let mut problems = told(notes.problems);
    let names = entry.value.members().map(|(name, _)| name);
    let unknown = names.filter(|name| !L::ATTRIBUTES.contains(&name.as_ref()));
    problems.extend(unknown.take(PROBLEMS_PER_LINE_MAX).map(|name| LineProblem {
        path: Path::of(&name),
        code: "unknown_attribute",
        message: unknown_name("attribute", &name, L::ATTRIBUTES),
    }));
    if problems.is_empty() && !line.is_named() {
        problems.push(LineProblem {
            path: Path::default(),
            code: Code::Required.id(),
            message: format!("one of {} is required", L::NAMED_BY),
        });
    }
    if problems.is_empty() {
        Ok(line)
    } else {
        problems.truncate(PROBLEMS_PER_LINE_MAX);
        Err(problems)
    }
}

/// The sentence about a name that is none of those known.
#[must_use]
pub fn unknown_name(what: &str, name: &str, known: &[&str]) -> String {
    let known = known.join(", ");
    format!("there is no {what} {name:?}; there are: {known}")
}

fn told(mut problems: Vec<Problem>) -> Vec<LineProblem> {
    problems.truncate(PROBLEMS_PER_LINE_MAX);
    problems.into_iter().map(LineProblem::from).collect()
}
