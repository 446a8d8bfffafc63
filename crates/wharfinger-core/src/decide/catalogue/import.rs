//! Reads lines that load products and customers, attribute by attribute.
//!
//! A line changes only what it mentions. So an absent attribute differs from a blank one: the absent one stays as it
//! is, and the blank one returns to the default of a new product or customer.

use super::PIECES_MAX;
use crate::json::{
    Content, Entry, Envelope, Kind, Lines, Malformed, NameCase, Reader, Rules, Value,
};
use crate::limits::Limits;
use crate::order::amount::Amount;
use crate::order::problem::{Code, Path, Problem};
use crate::reading::email;
use crate::reading::form::{Form, Need, Notes};
use crate::reading::validate::{self, Checked};

/// The maximum length of a text, in characters.
pub const TEXT_CHARS_MAX: usize = 255;

/// The maximum length of a list.
pub const LIST_TEXTS_MAX: usize = 255;

/// The maximum number of decimals of a price.
pub const PRICE_DECIMALS_MAX: u32 = 2;

/// The maximum number of problems reported for one line.
const PROBLEMS_PER_LINE_MAX: usize = 20;

/// Separates the texts of a list in a table field. No text of a list may contain it.
pub const LIST_SEPARATOR: char = '|';

/// What a line says about an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<T> {
    /// The attribute is absent: it stays as it is.
    Nothing,
    /// The attribute is blank: it is removed.
    Blank,
    /// The new value.
    Is(T),
}

impl<T> Said<T> {
    /// Applies the line to the previous value.
    #[must_use]
    pub fn over(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => before,
            Self::Blank => None,
            Self::Is(value) => Some(value),
        }
    }
}

/// A kind of line that can be loaded.
pub trait LoadLine: Clone + Send + Sync + Sized + 'static {
    /// The attribute names.
    const ATTRIBUTES: &'static [&'static str];
    /// The names of the attributes that are lists.
    const LISTS: &'static [&'static str];
    /// The attributes that identify the entity, as text. A line must have at least one.
    const NAMED_BY: &'static str;

    /// Reads a line.
    fn read(form: &mut Form<'_, '_, '_>) -> Self;

    /// Whether the line identifies an entity.
    fn is_named(&self) -> bool;
}

/// One problem of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineProblem {
    /// The path to the attribute. Empty means the line itself.
    pub path: Path,
    /// The problem's stable code.
    pub code: &'static str,
    /// A message for people.
    pub message: String,
}

impl LineProblem {
    /// The attribute's value belongs to another entity, which `whose` describes.
    #[must_use]
    pub fn taken(attribute: &str, whose: &str) -> Self {
        Self {
            path: Path::of(attribute),
            code: "taken",
            message: format!("{attribute} belongs to {whose}"),
        }
    }

    /// The attribute is required. `why` ends the message.
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

/// A line, or all its problems.
pub type ReadLine<L> = Result<L, Vec<LineProblem>>;

/// A line that describes a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductLine {
    /// See [`super::Product`]. A line can never remove an identifier from a product.
    pub id: Option<u64>,
    /// See `id`.
    pub sku: Option<String>,
    /// See `id`.
    pub ean: Option<String>,
    /// A blank value means active, and so does an absent one for a new product.
    pub active: Said<bool>,
    /// See [`super::Product`], also for the attributes below.
    pub warehouse: Said<String>,
    /// The pieces on hand. `None` leaves them unchanged.
    pub stock: Option<u64>,
    /// The price of one piece.
    pub price: Said<Amount>,
    /// The price's currency.
    pub currency: Said<String>,
    /// The product's name.
    pub name: Said<String>,
    /// The markets in which it is sold.
    pub markets: Said<Vec<String>>,
    /// The price lists by which it is sold.
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

/// A line that describes a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerLine {
    /// See [`super::Customer`]. A line can never remove an identifier from a customer.
    pub id: Option<u64>,
    /// See `id`. The address is normalised.
    pub email: Option<String>,
    /// Given names.
    pub first_name: Said<String>,
    /// Family names.
    pub last_name: Said<String>,
    /// Whether the customer requested a new password. Blank means no.
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
                // Stored values must fit on one line.
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

/// Reads what a line says about an attribute.
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

/// Reads what a line says about a list of texts. An empty list counts as blank.
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

/// Text that fits on one line.
fn text(value: Value<'_, '_>) -> Checked<String> {
    validate::line_text(TEXT_CHARS_MAX)(value).map(Into::into)
}

/// The limits of a line are the same as those of an order.
fn rules(limits: &Limits) -> Rules {
    Rules {
        names: NameCase::Exact,
        depth_max: limits.order_depth_max,
        order_bytes_max: limits.order_bytes_max,
    }
}

/// Reads an array of objects, or a single object.
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

/// Reads one object per line. `take` receives each line that is not blank, with its number. Numbers start at
/// `lines_before` + 1.
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
            Content::Unreadable(_, fault) => Err(vec![Problem::with_order(fault.into()).into()]),
        };
        take(line.number, read);
    }
}

/// Reads a table row: column names and fields. The texts of a list are separated by `|`.
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

/// Writes a JSON string. Most texts need no escapes.
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
        return Err(line_problems(
            entry.faults.iter().map(Problem::from).collect(),
        ));
    }
    if entry.value.kind() != Kind::Object {
        return Err(line_problems(vec![Problem::with_order(Code::NotObject)]));
    }
    let mut notes = Notes::default();
    let line = L::read(&mut Form::of_order(entry.value, &mut notes));
    let mut problems = line_problems(notes.problems);
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

/// A message about an unknown name.
#[must_use]
pub fn unknown_name(what: &str, name: &str, known: &[&str]) -> String {
    let known = known.join(", ");
    format!("unknown {what} {name:?}; known {what}s: {known}")
}

fn line_problems(mut problems: Vec<Problem>) -> Vec<LineProblem> {
    problems.truncate(PROBLEMS_PER_LINE_MAX);
    problems.into_iter().map(LineProblem::from).collect()
}
