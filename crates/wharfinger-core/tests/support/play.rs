//! Plays a request against a dialect and the model. It performs the same steps as the server, in the same order.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use wharfinger_core::convert;
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::{
    Action, Answer, Context, Credentials, Dialect, Head, Operation, OrderQuery, Orders,
    OrganisationPage, ParsedRequest, Reply, ResponseOptions, Results, Slot, StoredOrder, Submitted,
    Verdict,
};
use wharfinger_core::judge::{Body, judge};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::organisation::{
    Caller, CatalogueMode, OrgAccess, Organisation, Organisations, Scope,
};
use wharfinger_core::order::outcome::{Outcome, State};
use wharfinger_core::order::zone;

use super::case::{ENFORCED, Exchange, KEYS, ORGANISATIONS, render_response};
use super::model::Model;

/// The number of orders per chunk of a stream. Low, so that small cases have several chunks.
const CHUNK: usize = 2;

/// One dialect with an empty store, and the organisations and API keys that every case has.
pub(crate) struct World {
    dialect: &'static dyn Dialect,
    organisations: Organisations,
    reaches: HashMap<&'static str, OrgAccess>,
    model: Model,
}

/// A response, and the batch that it reports.
pub(crate) type Answered = (Reply, Option<BatchId>);

/// The secret of an API key.
pub(crate) fn secret_of(id: &str) -> String {
    format!("{id}-secret")
}

impl World {
    pub(crate) fn new(dialect: &'static dyn Dialect) -> Self {
        let mut organisations = Organisations::new();
        for ((code, customer_orders_enabled), id) in ORGANISATIONS.into_iter().zip(1..) {
            let organisation = Organisation {
                id: OrganisationId(id),
                customer_orders_enabled,
                catalogue: if code == ENFORCED {
                    CatalogueMode::Enforced
                } else {
                    CatalogueMode::Open
                },
                ..Organisation::new(code, "")
            };
            organisations.insert(code.into(), organisation);
        }
        let reach_of = |codes: &[&str]| {
            let ids = codes.iter().map(|code| organisations[*code].id);
            OrgAccess::Only(ids.collect())
        };
        let reaches = KEYS.iter().map(|key| (key.id, reach_of(key.organisations)));
        Self {
            dialect,
            reaches: reaches.collect(),
            organisations,
            model: Model::default(),
        }
    }

    /// Sends a request. Returns the response in the format of a `.response` file.
    pub(crate) fn send(&mut self, exchange: &Exchange) -> Result<String, String> {
        let headers = exchange.headers(&secret_of)?;
        let (reply, batch) = self.request(
            &exchange.method,
            &exchange.target,
            &headers,
            &exchange.body(),
        )?;
        let mut headers = vec![("content-type".to_owned(), reply.content_type.to_owned())];
        for (name, value) in reply.headers {
            headers.push((name.to_owned(), value));
        }
        if let Some(batch) = batch {
            headers.push(("wharfinger-batch-id".into(), batch.to_string()));
        }
        Ok(render_response(reply.status, &headers, &reply.body))
    }

    /// Sends a request. An error means that the dialect violated its contract.
    pub(crate) fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Answered, String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let respelled = self.dialect.respell(path);
        let (operation, parameters) = route(self.dialect, method, path)
            .or_else(|| route(self.dialect, method, respelled.as_deref()?))
            .ok_or("the dialect has no such route; only the server answers that (@server)")?;
        let fields: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let head = Head {
            path: &parameters,
            query: &query_parameters(query),
            headers: &fields,
        };
        Ok(match self.answer(operation, &head, body)? {
            Ok(told) => told,
            Err(failure) => (self.dialect.refuse(Some(operation), &failure, path), None),
        })
    }

    /// Answers a request. The outer error is a contract violation of the dialect, the inner one a request failure.
    fn answer(
        &mut self,
        operation: &Operation,
        head: &Head<'_>,
        body: &[u8],
    ) -> Result<Result<Answered, RequestFailure>, String> {
        let Some(key) = find_key(&self.dialect.credentials(head)) else {
            return Ok(Err(RequestFailure::Unauthorized));
        };
        let scope = operation
            .scope
            .expect("every operation of a dialect has a scope");
        if !key.scopes.contains(&scope.name()) {
            return Ok(Err(RequestFailure::lacks_scope(scope)));
        }
        debug_assert_ne!(scope, Scope::Admin, "no dialect manages the server");
        let caller = Caller {
            organisations: &self.organisations,
            reach: &self.reaches[key.id],
        };
        let organisation = match self.dialect.organisation(operation, head, caller) {
            Ok(organisation) => organisation,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Action::Resource { .. } = operation.action {
            return Err("the route is about what only the server keeps (@server)".into());
        }
        if let Action::Submit { .. } = operation.action {
            let context = Context {
                operation,
                head,
                caller,
                organisation,
            };
            return submit(self.dialect, &mut self.model, &context, body);
        }
        match (
            self.dialect.parse_request(operation, head, organisation),
            organisation,
        ) {
            (Ok(ParsedRequest::Organisations { offset, limit }), organisation) => {
                let reached = organisation.map_or_else(|| caller.reached(), |one| vec![one]);
                let page = OrganisationPage::page(&reached, offset, limit);
                let reply = self.dialect.encode(operation, &Answer::Organisations(page));
                Ok(Ok((reply, None)))
            }
            (Ok(_), None) => Err("a read that is about no organisation".into()),
            (Ok(ask), Some(organisation)) => {
                let organisation = organisation.id;
                self.read(operation, organisation, ask)
            }
            (Err(failure), _) => Ok(Err(failure)),
        }
    }

    fn read(
        &mut self,
        operation: &Operation,
        organisation: OrganisationId,
        ask: ParsedRequest,
    ) -> Result<Result<Answered, RequestFailure>, String> {
        let dialect = self.dialect;
        let told = |answer: &Answer<'_>| Ok(Ok((dialect.encode(operation, answer), None)));
        match (operation.action, ask) {
            (Action::List, ParsedRequest::Orders(query)) => {
                let (mut orders, total) = self.model.orders(organisation, dialect.id(), &query);
                self.in_time_zone(organisation, &mut orders);
                told(&Answer::Orders(Orders {
                    query: &query,
                    orders: &orders,
                    total,
                    first: true,
                    last: true,
                }))
            }
            (Action::Stream, ParsedRequest::Orders(query)) => {
                Ok(Ok((self.stream(operation, organisation, &query), None)))
            }
            (Action::Show, ParsedRequest::Order { key }) => {
                match self.model.order(organisation, dialect.id(), &key) {
                    Some(order) => told(&Answer::Order(&order)),
                    None => Ok(Err(RequestFailure::NotFound(format!("Order {key}")))),
                }
            }
            (Action::Withdraw, ParsedRequest::Withdraw { keys, otherwise }) => {
                let wanted = Move::Cancel { release_key: true };
                let mut results = Vec::new();
                for (key, other) in keys.into_iter().zip(otherwise) {
                    let held = self.model.order(organisation, dialect.id(), &key);
                    let key = if held.is_none() {
                        other.unwrap_or(key)
                    } else {
                        key
                    };
                    let result = self
                        .model
                        .move_order(organisation, dialect.id(), &key, wanted);
                    results.push((key, result));
                }
                told(&Answer::Withdrawn(&results))
            }
            (
                Action::Submit { .. }
                | Action::List
                | Action::Stream
                | Action::Show
                | Action::Withdraw
                | Action::Resource { .. },
                _,
            ) => Err(format!("{} asks for what it does not do", operation.name)),
        }
    }

    /// Gives orders the current time zone of their organisation.
    fn in_time_zone(&self, organisation: OrganisationId, orders: &mut [StoredOrder]) {
        let mut organisations = self.organisations.values();
        let organisation = organisations.find(|other| other.id == organisation);
        for order in orders {
            order.time_zone = organisation.map_or(TimeZone::UTC, |of| of.time_zone.clone());
        }
    }

    /// Concatenates the chunks of a stream.
    fn stream(
        &self,
        operation: &Operation,
        organisation: OrganisationId,
        query: &OrderQuery,
    ) -> Reply {
        let (orders, total) = self.model.orders(organisation, self.dialect.id(), query);
        let mut chunks: Vec<_> = orders.chunks(CHUNK).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let encode = |index: usize| {
            let answer = Answer::Orders(Orders {
                query,
                orders: chunks[index],
                total,
                first: index == 0,
                last: index + 1 == chunks.len(),
            });
            self.dialect.encode(operation, &answer)
        };
        let mut reply = encode(0);
        for index in 1..chunks.len() {
            reply.body.extend(encode(index).body);
        }
        reply
    }

    /// Runs `orders process`, `orders cancel`, or `org set` with a time zone.
    pub(crate) fn run(&mut self, arguments: &[String]) -> Result<(), String> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if let ["org", "set", code, "--time-zone", name] = words[..] {
            let organisation = self.organisations.get_mut(code);
            let organisation = organisation.ok_or("there is no such organisation")?;
            organisation.time_zone = zone::named(name).ok_or("there is no such time zone")?;
            return Ok(());
        }
        let mut words = words.into_iter();
        let wanted = match (words.next(), words.next()) {
            (Some("orders"), Some("process")) => Move::Process,
            (Some("orders"), Some("cancel")) => Move::Cancel { release_key: false },
            _ => return Err("only `orders process`, `orders cancel` and `org set CODE --time-zone NAME` are known".into()),
        };
        let mut organisation = None;
        let mut keys = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "--org" => {
                    let code = words.next().unwrap_or_default();
                    organisation = self.organisations.get(code);
                }
                "--dialect" => {
                    if words.next() != Some(self.dialect.id()) {
                        return Err("a case is about its own dialect".into());
                    }
                }
                key => keys.push(key),
            }
        }
        let organisation = organisation.ok_or("--org is missing or unknown")?.id;
        for key in keys {
            let moved = self
                .model
                .move_order(organisation, self.dialect.id(), key, wanted);
            moved.map_err(|code| format!("order {key} {code}"))?;
        }
        Ok(())
    }
}

/// Finds the first operation that matches the method and path. Also returns the path parameters.
pub(crate) fn route(
    dialect: &dyn Dialect,
    method: &str,
    path: &str,
) -> Option<(&'static Operation, Parameters)> {
    for operation in dialect.operations() {
        if operation.method != method {
            continue;
        }
        if let Some(parameters) = path_parameters(operation.path, path) {
            return Some((operation, parameters));
        }
    }
    None
}

fn submit(
    dialect: &'static dyn Dialect,
    model: &mut Model,
    context: &Context<'_>,
    body: &[u8],
) -> Result<Result<Answered, RequestFailure>, String> {
    let options = dialect.submit_options(context.operation, context.head);
    let written_in = options.and_then(|options| {
        let name = options.written_in.as_deref();
        convert::dialect_named(name, dialect).map(|_| ())
    });
    if let Err(failure) = written_in {
        return Ok(Err(failure));
    }
    let body = Body {
        bytes: body,
        lines_before: is_lines(context.head.header("content-type")).then_some(0),
    };
    let judged = match judge(dialect, context, body, &Limits::default()) {
        Ok(judged) => judged,
        Err(failure) => return Ok(Err(failure)),
    };
    let batch = model.next_batch();
    same_emails(dialect, batch, &judged.slots)?;
    let before = model.clone();
    let mut outcomes = model.admit(dialect.id(), batch, &judged.slots)?;
    let is_whole = context.head.query_parameter("policy") == Some("all_or_nothing");
    if is_whole && outcomes.iter().any(|outcome| outcome.taken().is_none()) {
        *model = before;
        for outcome in &mut outcomes {
            if outcome.taken().is_some() {
                *outcome = Outcome::Withheld;
            }
        }
    }
    let answer = Answer::Submitted(Submitted {
        batch,
        root_fits: judged.root_fits,
        slots: &judged.slots,
        outcomes: &outcomes,
        options: ResponseOptions {
            results: match context.head.query_parameter("results") {
                Some("rejected") => Results::Rejected,
                Some("none") => Results::None,
                _ => Results::All,
            },
            dry_run: false,
        },
    });
    Ok(Ok((
        dialect.encode(context.operation, &answer),
        Some(batch),
    )))
}

/// Whether a body of this media type is NDJSON.
pub(crate) fn is_lines(media_type: Option<&str>) -> bool {
    matches!(
        media_type,
        Some("application/x-ndjson" | "application/jsonl")
    )
}

/// Checks that the address from judging an order equals the one read from its stored text. The first indexes the order,
/// the second filters search results.
fn same_emails(dialect: &dyn Dialect, batch: BatchId, slots: &[Slot<'_>]) -> Result<(), String> {
    for slot in slots {
        let Verdict::Good(draft) = &slot.verdict else {
            continue;
        };
        if draft.intent.is_addition() {
            continue;
        }
        let stored = StoredOrder {
            id: batch.order(0),
            organisation: String::new(),
            time_zone: TimeZone::UTC,
            key: String::new(),
            number: None,
            state: State::Pending,
            held: None,
            revision: 1,
            created_at_ms: 0,
            updated_at_ms: 0,
            texts: vec![slot.raw.to_owned()],
            fulfilment: None,
            admission: None,
        };
        let read = dialect.email(&stored);
        if read.as_deref() != slot.email.as_deref() {
            let judged = &slot.email;
            return Err(format!(
                "the address was judged as {judged:?} and read as {read:?}"
            ));
        }
    }
    Ok(())
}

fn find_key(credentials: &Credentials) -> Option<&'static super::case::Key> {
    KEYS.iter().find(|key| match credentials {
        Credentials::Missing => false,
        Credentials::Pair { id, secret } => id == key.id && *secret == secret_of(key.id),
        Credentials::Secret(secret) => *secret == secret_of(key.id),
    })
}

/// Decoded parameters of a path or query.
pub(crate) type Parameters = Vec<(String, String)>;

fn path_parameters(template: &str, path: &str) -> Option<Parameters> {
    let mut parameters = Vec::new();
    let mut parts = path.split('/');
    for wanted in template.split('/') {
        let part = parts.next()?;
        let name = wanted
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match name {
            Some(name) if !part.is_empty() => parameters.push((name.into(), percent_decoded(part))),
            None if part == wanted => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(parameters)
}

fn query_parameters(query: &str) -> Parameters {
    let mut parameters = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &str| percent_decoded(&text.replace('+', " "));
        parameters.push((decoded(name), decoded(value)));
    }
    parameters
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match byte {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
