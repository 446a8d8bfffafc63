//! Organisations that the calling key can access.

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::CatalogueMode;
use wharfinger_core::order::organisation::{ListSort, OrgAccess, Organisation, Scope};
use wharfinger_core::order::problem::Code;
use wharfinger_core::order::zone;
use wharfinger_core::reading::form::Form;
use wharfinger_core::reading::validate;

use super::super::answer::respond_with;
use super::answer::{Page, ok};
use super::input::{Listing, not_found};
use super::parameters::PAGE;
use super::route::{Kind, Route};
use super::{administer, cursor, input};
use crate::access::rules::{CODE_FORM, NAME_CHARS_MAX, is_code};
use crate::http::describe::{self, Bodies, Content, object, one_of};
use crate::intake::app::App;
use crate::intake::idempotency::SaveAs;
use crate::intake::request_context::Call;
use crate::store::{Change, OrganisationChange};

/// Routes of organisations.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "list_organisations",
        method: "GET",
        path: "/v1/organisations",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "List organisations",
        parameters: PAGE,
        bodies: Bodies::page::<OrganisationView>,
        handler: |r| Box::pin(async move { list(r.call) }),
    },
    Route {
        name: "create_organisation",
        method: "POST",
        path: "/v1/organisations",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Create an organisation",
        parameters: &[],
        bodies: |generator| {
            let mut properties = changeable();
            properties["code"] = describe::code();
            let request = object(&["code"], &properties);
            Bodies::created::<OrganisationView>(generator).takes(Content::json(request))
        },
        handler: |r| Box::pin(create(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "show_organisation",
        method: "GET",
        path: "/v1/organisations/{code}",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Show an organisation",
        parameters: &[],
        bodies: Bodies::one::<OrganisationView>,
        handler: |r| Box::pin(async move { show(r.call) }),
    },
    Route {
        name: "change_organisation",
        method: "PATCH",
        path: "/v1/organisations/{code}",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Change an organisation",
        parameters: &[],
        bodies: |generator| {
            let request = object(&[], &changeable());
            Bodies::one::<OrganisationView>(generator).takes(Content::json(request))
        },
        handler: |r| Box::pin(change(r.app, r.call, r.headers, r.body)),
    },
];

/// An organisation.
#[derive(Clone, JsonSchema, Serialize)]
#[schemars(rename = "Organisation")]
struct OrganisationView {
    code: String,
    name: String,
    customer_orders_enabled: bool,
    /// Whether its orders are checked against its catalogue.
    #[schemars(extend("enum" = CatalogueMode::ALL.map(CatalogueMode::name)))]
    catalogue: &'static str,
    /// The IANA time zone of dates that have no offset, in dialects with such dates.
    time_zone: String,
    /// The default sort order of lists of orders: newest first, or in the order of creation.
    #[schemars(extend("enum" = ListSort::ALL.map(ListSort::name)))]
    list_sort: &'static str,
}

impl OrganisationView {
    fn of(organisation: &Organisation) -> Self {
        Self {
            code: organisation.code.clone(),
            name: organisation.name.clone(),
            customer_orders_enabled: organisation.customer_orders_enabled,
            catalogue: organisation.catalogue.name(),
            time_zone: zone::name(&organisation.time_zone).to_owned(),
            list_sort: organisation.list_sort.name(),
        }
    }
}

/// Lists organisations in order of creation.
fn list(call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let after: Option<u32> = match listing.after {
        Some(after) => Some(cursor::read("organisations", after)?),
        None => None,
    };
    let caller = call.authenticated.caller();
    let mut reached: Vec<_> = caller
        .organisations
        .values()
        .filter(|organisation| caller.reach.has(organisation.id))
        .filter(|organisation| after.is_none_or(|after| organisation.id.0 > after))
        .collect();
    reached.sort_by_key(|organisation| organisation.id);
    let is_more = reached.len() > listing.limit;
    reached.truncate(listing.limit);
    let last = reached.last().filter(|_| is_more);
    Ok(ok(&Page {
        next: last.map(|last| cursor::write("organisations", &last.id.0)),
        data: reached.into_iter().map(OrganisationView::of).collect(),
    }))
}

/// Shows an organisation.
fn show(call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    Ok(ok(&OrganisationView::of(find(call)?)))
}

/// Creates an organisation. The key must be able to access all organisations; others could not access the new one.
async fn create(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    if *call.authenticated.caller().reach != OrgAccess::All {
        let why = "only a key that reaches all organisations can create one";
        return Err(RequestFailure::Forbidden(why.into()));
    }
    let body = input::body(app, call, headers, body).await?;
    let known = &[
        "code",
        "name",
        "customer_orders_enabled",
        "catalogue",
        "time_zone",
        "list_sort",
    ];
    let (code, said) = input::strict_object(app, &body, known, |form| {
        let code = form.mandatory("code", |value| {
            let code = validate::text(value)?;
            let form = CODE_FORM;
            is_code(&code)
                .then_some(code.into_owned())
                .ok_or(Code::NotOfForm { form })
        });
        (code, Changeable::read(form))
    })?;
    let organisation = Organisation {
        customer_orders_enabled: said.customer_orders_enabled.unwrap_or(true),
        catalogue: said.catalogue.unwrap_or_default(),
        time_zone: said.time_zone.unwrap_or(TimeZone::UTC),
        list_sort: said.list_sort.unwrap_or_default(),
        ..Organisation::new(code.unwrap_or_default(), said.name.unwrap_or_default())
    };
    let location = format!("/v1/organisations/{}", organisation.code);
    let reply =
        Reply::json(201, &OrganisationView::of(&organisation)).with_header("location", location);
    let change = Change::CreateOrganisation(organisation);
    administer(app, call, &body, change, (reply, SaveAs::Plain))
        .await
        .map(respond_with)
}

/// Schemas of the attributes that can be changed at any time.
fn changeable() -> Value {
    json!({
        "name": describe::line_text(NAME_CHARS_MAX),
        "customer_orders_enabled": describe::boolean(),
        "catalogue": one_of(CatalogueMode::ALL.map(CatalogueMode::name)),
        "time_zone": {"type": ["string", "null"], "description": "An IANA time zone, such as Europe/Stockholm. Default: UTC"},
        "list_sort": one_of(ListSort::ALL.map(ListSort::name)),
    })
}

/// The attributes that can be changed at any time.
struct Changeable {
    name: Option<String>,
    customer_orders_enabled: Option<bool>,
    catalogue: Option<CatalogueMode>,
    time_zone: Option<TimeZone>,
    list_sort: Option<ListSort>,
}

impl Changeable {
    fn read(form: &mut Form<'_, '_, '_>) -> Self {
        let name = form.optional("name", validate::line_text(NAME_CHARS_MAX));
        Self {
            name: name.map(Into::into),
            customer_orders_enabled: form.optional("customer_orders_enabled", validate::boolean),
            catalogue: form.optional("catalogue", |value| {
                let named = value.text().and_then(|name| CatalogueMode::named(&name));
                let choices = "open, enforced";
                named.ok_or(Code::NotOneOf { choices })
            }),
            time_zone: form.optional("time_zone", |value| {
                let named = value.text().and_then(|name| zone::named(&name));
                let form = zone::NAME_FORM;
                named.ok_or(Code::NotOfForm { form })
            }),
            list_sort: form.optional("list_sort", |value| {
                let named = value.text().and_then(|name| ListSort::named(&name));
                let choices = "desc, asc";
                named.ok_or(Code::NotOneOf { choices })
            }),
        }
    }
}

/// Changes the attributes in the body.
async fn change(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let organisation = find(call)?;
    let body = input::body(app, call, headers, body).await?;
    let known = &[
        "name",
        "customer_orders_enabled",
        "catalogue",
        "time_zone",
        "list_sort",
    ];
    let said = input::strict_object(app, &body, known, Changeable::read)?;
    let mut view = OrganisationView::of(organisation);
    if let Some(name) = &said.name {
        view.name.clone_from(name);
    }
    if let Some(enabled) = said.customer_orders_enabled {
        view.customer_orders_enabled = enabled;
    }
    if let Some(catalogue) = said.catalogue {
        view.catalogue = catalogue.name();
    }
    if let Some(time_zone) = &said.time_zone {
        view.time_zone = zone::name(time_zone).to_owned();
    }
    if let Some(list_sort) = said.list_sort {
        view.list_sort = list_sort.name();
    }
    let change = Change::ChangeOrganisation(OrganisationChange {
        code: organisation.code.clone(),
        name: said.name,
        customer_orders_enabled: said.customer_orders_enabled,
        catalogue: said.catalogue,
        time_zone: said.time_zone,
        list_sort: said.list_sort,
    });
    let reply = (Reply::json(200, &view), SaveAs::Plain);
    administer(app, call, &body, change, reply)
        .await
        .map(respond_with)
}

/// The organisation in the path. One that the key cannot access is reported as not found.
pub(super) fn find<'c>(call: &Call<'c>) -> Result<&'c Organisation, RequestFailure> {
    let code = call.head.path_parameter("code").unwrap_or_default();
    let found = call.authenticated.caller().organisation(code);
    found.ok_or_else(|| not_found("Organisation", &code))
}
