//! Parameters of the described operations: of the path, the query and the header.

use serde_json::{Value, json};
use wharfinger_core::dialect::{
    Action, Dialect, Operation, Parameter, ParameterKind, ParameterPlace,
};
use wharfinger_core::dialects;

use super::super::describe::CODE_PATTERN;
use super::super::simulate::Simulation;
use super::bodies::{SAMPLE_KEY, sample_path};
use crate::access::rules::CODE_CHARS_MAX;

/// Pattern of date and time values in the years that a vendor's clients use.
const SPACED_TIME: &str = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$";
/// Longest idempotency key, in characters.
const IDEMPOTENCY_KEY_CHARS_MAX: u64 = 255;

/// Marks a parameter that is the code of an organisation, for the page.
const IS_ORGANISATION: &str = "x-organisation";

/// The parameters of an operation.
pub(super) fn parameters(dialect: &'static dyn Dialect, operation: &Operation) -> Vec<Value> {
    let mut parameters = of_path(dialect, operation);
    parameters.extend(operation.parameters.iter().map(parameter));
    parameters.extend(further_fields(dialect));
    let takes_orders = matches!(operation.action, Action::Submit { .. });
    let has_dry_run = operation
        .parameters
        .iter()
        .any(|parameter| parameter.name == "dry_run");
    if takes_orders && !has_dry_run {
        let about = "Judge all orders and store nothing";
        let dry_run = Parameter::query("dry_run", ParameterKind::Boolean, about);
        parameters.push(parameter(&dry_run));
    }
    if operation.method != "GET" && !operation.path.starts_with("/v1/imports") {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes retries safe: a repeated request with the same key runs only once and gets the same response",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": IDEMPOTENCY_KEY_CHARS_MAX,
                "pattern": "^[!#-~]([ -~]*[!#-~])?$",
            },
        }));
    }
    if operation.method != "GET" {
        parameters.push(json!({
            "name": "Wharfinger-Simulate",
            "in": "header",
            "description": "Only for keys that were created for tests: the request fails in this way, so that a client can be tested",
            "schema": {"type": "string", "enum": Simulation::NAMES},
        }));
    }
    parameters
}

/// Parameters of the path.
fn of_path(dialect: &'static dyn Dialect, operation: &Operation) -> Vec<Value> {
    let is_own = dialect.id() == dialects::OWN.id();
    let samples = sample_path(dialect, operation.path);
    let segments = operation.path.split('/');
    let names = segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let described = names.map(|name| {
        let is_uuid = name == "id" && !operation.path.starts_with("/v1/keys");
        let schema = if is_uuid {
            json!({"type": "string", "format": "uuid"})
        } else {
            json!({"type": "string", "minLength": 1})
        };
        let mut parameter = json!({"name": name, "in": "path", "required": true, "schema": schema});
        if is_organisation(dialect, name) || (is_own && name == "code") {
            parameter["description"] = "The code of the organisation".into();
            parameter[IS_ORGANISATION] = true.into();
        } else if is_own {
            parameter["description"] = "The id, as other responses contain it".into();
        }
        if let Some(sample) = samples.get(name) {
            parameter["example"] = sample.as_str().into();
        }
        parameter
    });
    described.collect()
}

/// Whether a path parameter of a dialect is the code of an organisation, as its samples show.
fn is_organisation(dialect: &'static dyn Dialect, name: &str) -> bool {
    let mut operations = dialect.operations().iter();
    operations.any(|operation| {
        let samples = sample_path(dialect, operation.path);
        samples
            .get(name)
            .is_some_and(|sample| sample == SAMPLE_KEY.organisation)
    })
}

/// Header fields of a dialect's requests besides the key, from its samples.
fn further_fields(dialect: &dyn Dialect) -> Vec<Value> {
    let fields = dialect.samples(&SAMPLE_KEY).one.headers.into_iter();
    let further = fields.filter(|(name, _)| *name != "content-type").skip(1);
    let fields = further.map(|(name, value)| {
        let mut field = json!({
            "name": name,
            "in": "header",
            "required": true,
            "schema": {"type": "string", "minLength": 1},
            "example": value,
        });
        if value == SAMPLE_KEY.organisation {
            field["description"] = "The code of the organisation".into();
            field[IS_ORGANISATION] = true.into();
        }
        field
    });
    fields.collect()
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        ParameterKind::Text => json!({"type": "string"}),
        ParameterKind::Prefix(max) => json!({"type": "string", "minLength": 1, "maxLength": max}),
        ParameterKind::JsonPointer => json!({"type": "string", "pattern": "^(/|$)"}),
        ParameterKind::Texts => json!({"type": "string", "pattern": r"[^,\s]"}),
        ParameterKind::Organisation => {
            json!({"type": "string", "pattern": CODE_PATTERN, "maxLength": CODE_CHARS_MAX})
        }
        ParameterKind::Cursor => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}),
        ParameterKind::Number(min, max) => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        ParameterKind::Boolean => json!({"type": "boolean"}),
        ParameterKind::OneOf(choices) => json!({"type": "string", "enum": choices}),
        ParameterKind::SomeOf(choices) => {
            let one = choices.join("|").replace('.', r"\.");
            let several = format!("^({one})(,({one}))*$");
            json!({"type": "string", "anyOf": [{"enum": choices}, {"pattern": several}]})
        }
        ParameterKind::Dialect => json!({"type": "string", "enum": dialect_ids()}),
        ParameterKind::Form => {
            let mut forms = dialect_ids();
            forms.push("submitted");
            json!({"type": "string", "enum": forms})
        }
        ParameterKind::DayOrTime => {
            json!({"type": "string", "anyOf": [{"format": "date"}, {"pattern": SPACED_TIME}]})
        }
        ParameterKind::DateOrTime => {
            json!({"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]})
        }
        ParameterKind::TimeOrSpan => {
            json!({"type": "string", "anyOf": [{"format": "date-time"}, {"pattern": "^[1-9][0-9]{0,4}[mhd]$"}]})
        }
        ParameterKind::Uuid => json!({"type": "string", "format": "uuid"}),
        ParameterKind::FileName => {
            json!({"type": "string", "pattern": "^([A-Za-z0-9._~-]|%[2-7][0-9A-E])+$", "maxLength": 255})
        }
        ParameterKind::Seconds(_) => json!({"type": "string", "pattern": "^[0-9]{1,2}s$"}),
    };
    let place = match parameter.place {
        ParameterPlace::Query => "query",
        ParameterPlace::Header => "header",
    };
    let mut described = json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.is_required,
        "description": parameter.about,
        "schema": schema,
    });
    if parameter.kind == ParameterKind::Organisation {
        described[IS_ORGANISATION] = true.into();
    }
    described
}

fn dialect_ids() -> Vec<&'static str> {
    dialects::ALL.iter().map(|dialect| dialect.id()).collect()
}
