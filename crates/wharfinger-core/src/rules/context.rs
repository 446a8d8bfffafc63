//! The values of an order for rules, and the evaluation of one rule on them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bigdecimal::{BigDecimal, Zero};
use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Value};
use regex::Regex;

use super::Of;
use super::calls::MATCHES;
use super::compile::Compiled;
use super::cost::{BatchWork, Extent, ORDER_WORK_MAX};
use super::reason::reason;
use crate::canonical::{Address, Customer, Json, Line, Order, References};
use crate::order::amount::Amount;

/// How many values a line has.
const LINE_VALUES: u64 = 10;
/// Most levels of data of the sender. Orders have fewer.
const DATA_DEPTH_MAX: usize = 64;

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// An order that rules are evaluated on.
pub(super) struct Subject {
    order: Value,
    /// The order and the functions, for all rules.
    context: Context<'static, 'static>,
    extent: Extent,
    work_left: u64,
}

impl Subject {
    /// `regexes` are those of all rules.
    pub(super) fn new(
        (order, of): (&Order, Of<'_>),
        with_metadata: bool,
        regexes: &Arc<[Regex]>,
    ) -> Self {
        let mut making = Making {
            extent: Extent::default(),
            with_metadata,
        };
        let order = making.order(order, of);
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.add_variable_from_value("order", order.clone());
        if !regexes.is_empty() {
            add_matches(&mut context, Arc::clone(regexes));
        }
        Self {
            order,
            context,
            extent: making.extent,
            work_left: ORDER_WORK_MAX,
        }
    }

    /// The work that making its values took.
    pub(super) fn making(&self) -> u64 {
        self.extent.making()
    }

    /// Whether a rule matches. Takes its work from what is left for the order, and for its batch.
    ///
    /// # Errors
    /// It cannot be evaluated. The text says why, without a value of the order.
    pub(super) fn evaluate(
        &mut self,
        rule: &Compiled,
        of_batch: &mut BatchWork,
    ) -> Result<bool, String> {
        let work = rule.cost.on(&self.extent);
        let left = self.work_left.checked_sub(work);
        self.work_left = left.ok_or("the order is too large for this rule")?;
        of_batch.take(work)?;
        match Value::resolve(&rule.expression, &self.context) {
            Ok(Value::Bool(is_match)) => Ok(is_match),
            Ok(_) => Err("it is neither true nor false for this order".to_owned()),
            Err(error) => Err(self.explain(rule, &error)),
        }
    }

    /// Why a rule failed. An attribute that the order lacks is the usual cause.
    fn explain(&self, rule: &Compiled, error: &ExecutionError) -> String {
        let is_absent =
            |path: &&Vec<String>| self.at(path).is_some_and(|value| *value == Value::Null);
        let absent = rule.names.iter().filter(is_absent);
        let absent: Vec<_> = absent
            .map(|path| format!("order.{}", path.join(".")))
            .collect();
        let why = reason(error);
        match absent.as_slice() {
            [] => why,
            [one] => format!("{one} is absent: {why}"),
            several => format!("{} are absent: {why}", several.join(", ")),
        }
    }

    fn at(&self, path: &[String]) -> Option<&Value> {
        let mut value = &self.order;
        for name in path {
            let Value::Map(map) = value else { return None };
            value = map.map.get(&Key::from(name.as_str()))?;
        }
        Some(value)
    }
}

/// Makes regular expressions callable. They were compiled with the rule.
fn add_matches(context: &mut Context<'_, '_>, regexes: Arc<[Regex]>) {
    let matches = move |text: Arc<String>, at: i64| -> Result<bool, ExecutionError> {
        let regex = usize::try_from(at).ok().and_then(|at| regexes.get(at));
        let regex =
            regex.ok_or_else(|| ExecutionError::function_error("matches", "no expression"))?;
        Ok(regex.is_match(&text))
    };
    let added = context.add_function(MATCHES, matches);
    debug_assert!(added.is_ok(), "no function of CEL has this name");
}

/// Makes the values of an order.
struct Making {
    extent: Extent,
    with_metadata: bool,
}

impl Making {
    fn order(&mut self, order: &Order, of: Of<'_>) -> Value {
        self.note_list(order.lines.len());
        let lines: Vec<Value> = order.lines.iter().map(|line| self.line(line)).collect();
        object([
            ("organisation", self.text(Some(of.organisation))),
            ("dialect", self.text(Some(of.dialect))),
            (
                "key",
                self.text(Some(order.key.as_str()).filter(|key| !key.is_empty())),
            ),
            ("placed_at", self.shown(order.placed_at.as_ref())),
            ("fulfilled_at", self.shown(order.fulfilled_at.as_ref())),
            ("language", self.text(order.language.as_deref())),
            ("locale", self.text(order.locale.as_deref())),
            ("customer", self.customer(&order.customer)),
            ("billing_address", self.address(&order.billing_address)),
            ("shipping_address", self.address(&order.shipping_address)),
            ("lines", Value::List(lines.into())),
            ("shipping_price", number(order.shipping_price.as_ref())),
            ("discount", number(order.discount.as_ref())),
            ("total", double(&total(order))),
            ("currency", self.text(order.currency.as_deref())),
            ("references", self.references(&order.references)),
            ("instructions", self.text(order.instructions.as_deref())),
            ("metadata", self.data(order.metadata.as_ref())),
        ])
    }

    fn customer(&mut self, customer: &Customer) -> Value {
        object([
            ("ref", self.text(customer.reference.as_deref())),
            ("email", self.text(customer.email.as_deref())),
            ("title", self.text(customer.title.as_deref())),
            ("first_name", self.text(customer.first_name.as_deref())),
            ("last_name", self.text(customer.last_name.as_deref())),
            ("phone", self.text(customer.phone.as_deref())),
        ])
    }

    fn address(&mut self, address: &Address) -> Value {
        self.note_list(address.lines.len());
        let lines: Vec<Value> = address
            .lines
            .iter()
            .map(|line| self.text(Some(line)))
            .collect();
        object([
            ("name", self.text(address.name.as_deref())),
            ("company", self.text(address.company.as_deref())),
            ("lines", Value::List(lines.into())),
            ("suburb", self.text(address.suburb.as_deref())),
            ("city", self.text(address.city.as_deref())),
            ("state", self.text(address.state.as_deref())),
            ("postcode", self.text(address.postcode.as_deref())),
            ("country", self.text(address.country.as_deref())),
        ])
    }

    fn line(&mut self, line: &Line) -> Value {
        self.extent.values += LINE_VALUES;
        object([
            ("quantity", number(Some(&line.quantity))),
            ("sku", self.text(line.sku.as_deref())),
            ("ean", self.text(line.ean.as_deref())),
            ("product_id", self.text(line.product_id.as_deref())),
            ("description", self.text(line.description.as_deref())),
            ("unit_price", number(line.unit_price.as_ref())),
            ("total", double(&line_total(line))),
            ("currency", self.text(line.currency.as_deref())),
            ("weight_kg", number(line.weight_kg.as_ref())),
            ("metadata", self.data(line.metadata.as_ref())),
        ])
    }

    fn references(&mut self, references: &References) -> Value {
        object([
            (
                "delivery_reference",
                self.text(references.delivery_reference.as_deref()),
            ),
            (
                "purchase_order",
                self.text(references.purchase_order.as_deref()),
            ),
        ])
    }

    fn note_list(&mut self, length: usize) {
        self.extent.longest_list = self.extent.longest_list.max(length as u64);
        self.extent.values += length as u64;
    }

    fn note_text(&mut self, text: &str) {
        let length = text.len() as u64;
        self.extent.longest_text = self.extent.longest_text.max(length);
        self.extent.text_bytes += length;
    }

    fn text(&mut self, text: Option<&str>) -> Value {
        let Some(text) = text else { return Value::Null };
        self.note_text(text);
        Value::String(Arc::new(text.to_owned()))
    }

    fn shown(&mut self, value: Option<&impl ToString>) -> Value {
        self.text(value.map(ToString::to_string).as_deref())
    }

    /// Data of the sender. Absent data is an object without names, so that `has()` can be asked.
    fn data(&mut self, data: Option<&Json>) -> Value {
        let empty = || Value::Map(Map::from(HashMap::<Key, Value>::new()));
        let Some(data) = data.filter(|_| self.with_metadata) else {
            return empty();
        };
        let read = serde_json::from_str::<serde_json::Value>(data.as_str());
        read.map_or_else(|_| empty(), |read| self.of_json(read, 0))
    }

    fn of_json(&mut self, json: serde_json::Value, depth: usize) -> Value {
        if depth > DATA_DEPTH_MAX {
            return Value::Null;
        }
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(is_true) => Value::Bool(is_true),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Value::Int(whole),
                (None, Some(number)) => Value::Float(number),
                (None, None) => Value::Null,
            },
            serde_json::Value::String(text) => {
                self.note_text(&text);
                Value::String(text.into())
            }
            serde_json::Value::Array(items) => {
                self.note_list(items.len());
                let items = items.into_iter().map(|item| self.of_json(item, depth + 1));
                Value::List(items.collect::<Vec<_>>().into())
            }
            serde_json::Value::Object(members) => {
                self.note_list(members.len());
                let members = members.into_iter();
                let members =
                    members.map(|(name, value)| (Key::from(name), self.of_json(value, depth + 1)));
                Value::Map(Map::from(members.collect::<HashMap<_, _>>()))
            }
        }
    }
}

fn object<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    let members = members
        .into_iter()
        .map(|(name, value)| (Key::from(name), value));
    Value::Map(Map::from(members.collect::<HashMap<_, _>>()))
}

fn number(amount: Option<&Amount>) -> Value {
    let parsed = amount.and_then(|amount| amount.as_str().parse().ok());
    parsed.map_or(Value::Null, Value::Float)
}

fn double(sum: &BigDecimal) -> Value {
    let parsed = sum.to_plain_string().parse();
    Value::Float(parsed.unwrap_or(f64::INFINITY))
}

fn decimal(amount: Option<&Amount>) -> BigDecimal {
    let number = amount.and_then(Amount::number);
    number.map_or_else(BigDecimal::zero, |number| number.value())
}

/// The quantity times the price. A line without a price is worth nothing.
fn line_total(line: &Line) -> BigDecimal {
    decimal(Some(&line.quantity)) * decimal(line.unit_price.as_ref())
}

/// The lines and the shipping price, less the discount.
fn total(order: &Order) -> BigDecimal {
    let lines: BigDecimal = order.lines.iter().map(line_total).sum();
    lines + decimal(order.shipping_price.as_ref()) - decimal(order.discount.as_ref())
}
