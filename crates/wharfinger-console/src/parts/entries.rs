//! The page of what an organisation has many of, products or customers: search, a list, and a table to paste.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::bulk::{Loaded, NotLoaded, load, paste_form};
use super::forms::text_field;
use super::lists::{Listed, empty, pager, stack};
use crate::api::{self, segment};
use crate::page::{self, Page};
use crate::texts::visible;
use crate::visit::{Posted, Visit};

/// A page of entries.
pub(crate) struct Entries<T> {
    /// The page's address.
    pub(crate) path: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// What the entries are called, as in the API's addresses: `products`.
    pub(crate) what: &'static str,
    /// The same as a name of the table.
    pub(crate) label: &'static str,
    /// The parameters of a search, with their labels.
    pub(crate) searches: &'static [(&'static str, &'static str)],
    /// Rows that can be pasted.
    pub(crate) example: &'static str,
    /// What is said of the organisation before the list.
    pub(crate) about: fn(&Organisation) -> Markup,
    /// The head and the body of the table.
    pub(crate) rows: fn(&[T]) -> Markup,
}

/// An organisation, as `/v1` shows it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Organisation {
    /// Its code.
    pub(crate) code: String,
    /// Whether its catalogue is `enforced` or `open`.
    pub(crate) catalogue: String,
}

/// The organisation of the page: the one that is named, or the first.
async fn organisation(visit: &Visit, named: &str) -> Result<Option<Organisation>, Response> {
    let told = |refused| page::refused(visit, &refused);
    if !named.is_empty() {
        let target = format!("/v1/organisations/{}", segment(named));
        let found = visit.get(&target);
        return found.await.map(Some).map_err(told);
    }
    let found: Listed<Organisation> = visit.get("/v1/organisations?limit=1").await.map_err(told)?;
    Ok(found.data.into_iter().next())
}

impl<T: DeserializeOwned> Entries<T> {
    /// The list.
    pub(crate) async fn list(&self, visit: &Visit) -> Response {
        self.show(visit, visit.query("organisation"), None, "")
            .await
    }

    /// Loads what was pasted, and shows what became of it.
    pub(crate) async fn load(&self, posted: &Posted) -> Response {
        let code = posted.field("organisation");
        let loaded = load(posted, code, self.what).await;
        let pasted = match &loaded {
            Ok(loaded) if loaded.is_whole() => "",
            Ok(_) | Err(_) => posted.field("entries"),
        };
        self.show(&posted.visit, code, Some(loaded), pasted).await
    }

    async fn show(
        &self,
        visit: &Visit,
        named: &str,
        loaded: Option<Result<Loaded, NotLoaded>>,
        pasted: &str,
    ) -> Response {
        let organisation = match organisation(visit, named).await {
            Ok(Some(organisation)) => organisation,
            Ok(None) => {
                let may_create = visit.session.may_see_server();
                let next = html! { @if may_create { a href="/console/organisations/new" { "Create the first organisation" } } };
                return Page::new(visit, self.title)
                    .show(&empty("There are no organisations yet.", &next));
            }
            Err(told) => return told,
        };
        let code = organisation.code.as_str();
        let filters = self.searches.iter();
        let filters: Vec<_> = filters
            .map(|(name, _)| (*name, visit.query(name)))
            .collect();
        let mut query = filters.clone();
        query.extend([("limit", "50"), ("after", visit.query("after"))]);
        let target = format!("/v1/organisations/{}/{}", segment(code), self.what);
        let found: Listed<T> = match visit.get(&api::target(&target, &query)).await {
            Ok(found) => found,
            Err(refused) => return page::refused(visit, &refused),
        };
        let mut kept = vec![("organisation", code)];
        kept.extend(filters);
        let status = match &loaded {
            Some(Err(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::OK,
        };
        let content = html! {
            @match &loaded {
                Some(Ok(loaded)) => (loaded.show()),
                Some(Err(why)) => p.notice.bad role="alert" { (visible(why.sentence())) },
                None => {}
            }
            ((self.about)(&organisation))
            form.filters method="get" action=(self.path) {
                @for (name, label) in self.searches { (text_field(name, label, visit.query(name))) }
                (text_field("organisation", "Organisation", code))
                div.filter-buttons { button type="submit" { "Filter" } }
            }
            @if found.data.is_empty() { (empty(
                &format!("No {} found.", self.what),
                &html! { p { "Change the filters, or add " (self.what) " with the form below." } },
            )) }
            @else { (stack(self.label, &(self.rows)(&found.data))) }
            (pager(visit, self.path, &kept, found.next.as_deref()))
            h2 { "Add or update " (self.what) }
            (paste_form(visit, self.path, code, self.example, pasted))
        };
        Page::new(visit, self.title).status(status).show(&content)
    }
}
