//! Rules of an organisation that hold orders for a person.

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use jiff::tz::TimeZone;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialect::{Dialect, Reply};
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::{Organisation, Scope};
use wharfinger_core::order::problem::Code;
use wharfinger_core::reading::form::{Form, Need};
use wharfinger_core::reading::validate;
use wharfinger_core::rules::{
    BatchWork, NAME_CHARS_MAX, RULES_MAX, Rule, RuleError, RuleSet, SENTENCE_CHARS_MAX,
    WHEN_CHARS_MAX,
};

use super::super::answer::{respond, respond_with};
use super::answer::ok;
use super::held::HoldView;
use super::route::{Kind, Route};
use super::{administer, input, organisations};
use crate::http::describe::{Bodies, Content, object, one_of};
use crate::intake::app::App;
use crate::intake::idempotency::SaveAs;
use crate::intake::mending::judged;
use crate::intake::request_context::Call;
use crate::intake::rule_trial::{LAST_MAX, Tried, try_on_latest};
use crate::store::{Change, OrganisationRules, rules_revision};

/// Routes of rules.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "show_rules",
        method: "GET",
        path: "/v1/organisations/{code}/rules",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "List the rules that hold orders for a person",
        parameters: &[],
        bodies: Bodies::one::<RulesView>,
        handler: |r| Box::pin(async move { show(r.app, r.call) }),
    },
    Route {
        name: "set_rules",
        method: "PUT",
        path: "/v1/organisations/{code}/rules",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Replace the rules that hold orders for a person",
        parameters: &[],
        bodies: |generator| {
            let mut rules = rules_schema();
            rules["type"] = "array".into();
            let revision = json!({"type": ["string", "null"], "description": "Replace the rules of this revision only: 409 if others are set by now"});
            let request = object(&["rules"], &json!({"rules": rules, "revision": revision}));
            Bodies::one::<RulesView>(generator).takes(Content::json(request))
        },
        handler: |r| Box::pin(set(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "test_rules",
        method: "POST",
        path: "/v1/organisations/{code}/rules/test",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Test which rules would hold which orders; changes nothing",
        parameters: &[],
        bodies: test_bodies,
        handler: |r| Box::pin(test(r.app, r.call, r.headers, r.body)),
    },
];

/// The rules of an organisation.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Rules")]
struct RulesView {
    rules: Vec<RuleView>,
    /// The revision of these rules. Send it with other rules, so that they replace these only.
    revision: String,
}

/// A rule that holds orders for a person.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Rule")]
struct RuleView {
    /// Unique among the rules of the organisation.
    name: String,
    /// A CEL expression over `order`.
    when: String,
    /// Why the order is held, for people.
    sentence: String,
}

/// What rules would make of orders.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "RulesTest")]
struct TestView {
    /// How many orders were tested.
    tested: usize,
    /// How many of them the rules would hold.
    held: usize,
    /// The orders, newest first.
    #[schemars(with = "Vec<TriedView>")]
    data: Vec<Tried>,
}

/// What rules would make of an order.
#[derive(JsonSchema)]
#[schemars(rename = "RulesTestOrder")]
#[expect(dead_code, reason = "describes the JSON of another type")]
struct TriedView {
    #[schemars(extend("format" = "uuid"))]
    order_id: Option<String>,
    key: Option<String>,
    /// The rules that would hold the order. The first one would be named.
    held_by: Vec<HoldView>,
}

impl RulesView {
    fn of(rules: &[Rule]) -> Self {
        let view = |rule: &Rule| RuleView {
            name: rule.name.clone(),
            when: rule.when.clone(),
            sentence: rule.sentence.clone(),
        };
        Self {
            rules: rules.iter().map(view).collect(),
            revision: rules_revision(rules),
        }
    }
}

/// Schema of a list of rules.
fn rules_schema() -> Value {
    let text = |chars_max: usize| json!({"type": ["string", "number"], "maxLength": chars_max, "pattern": r"\S"});
    let rule = object(
        &["name", "when", "sentence"],
        &json!({
            "name": text(NAME_CHARS_MAX),
            "when": text(WHEN_CHARS_MAX),
            "sentence": text(SENTENCE_CHARS_MAX),
        }),
    );
    json!({"type": ["array", "null"], "maxItems": RULES_MAX, "items": rule})
}

fn test_bodies(generator: &mut SchemaGenerator) -> Bodies {
    let ids = dialects::ALL.iter().map(|dialect| dialect.id());
    let mut dialect = one_of([""; 0]);
    dialect["enum"] = ids.map(Value::from).chain([Value::Null]).collect();
    let properties = json!({
        "rules": rules_schema(),
        "order": {"type": ["object", "null"], "description": "An order to test the rules on"},
        "dialect": dialect,
        "last": {"type": ["integer", "null"], "minimum": 1, "maximum": LAST_MAX, "description": "Test the rules on so many of the latest orders instead"},
    });
    let request = object(&[], &properties);
    Bodies::one::<TestView>(generator).takes(Content::json(request))
}

fn show(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let organisation = organisations::find(call)?;
    Ok(ok(&RulesView::of(&stored(app, organisation))))
}

async fn set(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let organisation = organisations::find(call)?;
    let body = input::body(app, call, headers, body).await?;
    let (rules, seen) = input::strict_object(app, &body, &["rules", "revision"], |form| {
        if form.present("rules").is_none() {
            form.problem("rules", Code::Required);
        }
        let seen = form.optional("revision", validate::text);
        (rules_in(form), seen.map(Into::into))
    })?;
    if let Some(refused) = refusal(call, &rules) {
        return Ok(respond(refused));
    }
    let reply = Reply::json(200, &RulesView::of(&rules));
    let change = Change::SetRules {
        code: organisation.code.clone(),
        rules,
        seen,
    };
    administer(app, call, &body, change, (reply, SaveAs::Plain))
        .await
        .map(respond_with)
}

/// Reads `rules`. Their texts are checked when they are compiled.
fn rules_in(form: &mut Form<'_, '_, '_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    form.objects("rules", Need::Optional, |form| {
        let known = ["name", "when", "sentence"];
        let mut names = form.value().members().map(|(name, _)| name);
        if names.any(|name| !known.contains(&name.as_ref())) {
            let choices = "name, when, sentence";
            form.problem_here(Code::NotOneOf { choices });
        }
        let mut text = |name| {
            let text = form.mandatory(name, validate::text);
            text.map(Into::into).unwrap_or_default()
        };
        rules.push(Rule {
            name: text("name"),
            when: text("when"),
            sentence: text("sentence"),
        });
    });
    rules
}

/// The response to rules that do not compile: where, and why. `None` if they compile.
fn refusal(call: &Call<'_>, rules: &[Rule]) -> Option<Reply> {
    let faults = RuleSet::faults(rules);
    let first = faults.first()?;
    let path = call.target.split('?').next().unwrap_or_default();
    let invalid = RequestFailure::Invalid(Vec::new());
    let mut reply = call.dialect.refuse(Some(call.operation), &invalid, path);
    let mut shown: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    shown["detail"] = first.to_string().into();
    shown["errors"] = faults.iter().map(fault).collect();
    reply.body = shown.to_string().into_bytes();
    Some(reply)
}

fn fault(error: &RuleError) -> Value {
    let mut fault =
        json!({"pointer": error.pointer(), "code": "not_a_rule", "message": error.to_string()});
    if let Some((line, column)) = error.place {
        fault["line"] = line.into();
        fault["column"] = column.into();
    }
    fault
}

/// What the rules are tested on.
enum TestOn {
    Order(String, &'static dyn Dialect),
    Last(u64),
}

async fn test(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let organisation = organisations::find(call)?;
    let body = input::body(app, call, headers, body).await?;
    let known = &["rules", "order", "dialect", "last"];
    let (given, on) = input::strict_object(app, &body, known, |form| {
        let given = form.present("rules").is_some();
        (given.then(|| rules_in(form)), test_on(form, call.dialect))
    })?;
    let set = match given {
        Some(rules) => match refusal(call, &rules) {
            Some(refused) => return Ok(respond(refused)),
            None => RuleSet::of_stored(rules),
        },
        None => RuleSet::of_stored(stored(app, organisation)),
    };
    let rules = OrganisationRules {
        set,
        code: organisation.code.clone(),
        time_zone: TimeZone::clone(&organisation.time_zone),
    };
    let data = match on {
        Some(TestOn::Order(text, dialect)) => {
            let slot = judged(app, call, (dialect, organisation), text.as_bytes())?;
            let key = slot.key.as_deref().unwrap_or_default();
            let subject = rules.subject(key, vec![text.clone()]);
            vec![Tried::of(
                &rules,
                dialect,
                &subject,
                &mut BatchWork::before_turn(),
            )]
        }
        Some(TestOn::Last(last)) => {
            if !call.authenticated.may(Scope::OrdersRead) {
                return Err(RequestFailure::lacks_scope(Scope::OrdersRead));
            }
            let tried = try_on_latest(&app.store, organisation.id, &rules, last).await;
            tried.map_err(|error| call.failure(error))?
        }
        None => {
            return Err(RequestFailure::BadParameter(
                "The body must have either order or last: what the rules are tested on".into(),
            ));
        }
    };
    Ok(ok(&TestView {
        tested: data.len(),
        held: data
            .iter()
            .filter(|tried| !tried.held_by.is_empty())
            .count(),
        data,
    }))
}

fn stored(app: &App, organisation: &Organisation) -> Vec<Rule> {
    let all = app.access.rules();
    let rules = all.get(&organisation.id);
    rules.map_or_else(Vec::new, |of| of.set.rules().cloned().collect())
}

/// Reads `order` and `dialect`, or `last`. `None` if there are both or neither.
fn test_on(form: &mut Form<'_, '_, '_>, own: &'static dyn Dialect) -> Option<TestOn> {
    form.any_object("order", Need::Optional);
    let order = form.present("order").map(|order| order.raw().to_owned());
    let dialect = form.optional("dialect", |value| {
        let named = value.text().and_then(|name| dialects::find(&name));
        let form = "the id of a dialect, such as native";
        named.ok_or(Code::NotOfForm { form })
    });
    let last = form.optional("last", |value| {
        let number = validate::decimal(value)?.integer();
        let number = number.and_then(|number| u64::try_from(number).ok());
        let number = number.ok_or(Code::NotInteger)?;
        if number > LAST_MAX {
            return Err(Code::AboveMaximum { max: LAST_MAX });
        }
        (number > 0).then_some(number).ok_or(Code::NotPositive)
    });
    match (order, last) {
        (Some(order), None) => Some(TestOn::Order(order, dialect.unwrap_or(own))),
        (None, Some(last)) => Some(TestOn::Last(last)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}
