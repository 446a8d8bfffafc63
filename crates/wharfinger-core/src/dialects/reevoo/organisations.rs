//! Organisations in the vendor's format. Data about reviews does not exist here: paths are given, and scores are 0.

use serde::Serialize;

use crate::dialect::OrganisationPage;
use crate::dialect::Reply;
use crate::order::organisation::Organisation;

/// The response to `GET /v4/organisations`.
#[derive(Serialize)]
struct List<'s> {
    summary: Summary,
    organisations: Vec<Listed<'s>>,
}

#[derive(Serialize)]
struct Summary {
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    total_entries: u64,
    total_pages: u64,
    current_page: u64,
    per_page: u64,
    previous_page: Option<u64>,
    next_page: Option<u64>,
}

/// An organisation in a list.
#[derive(Serialize)]
struct Listed<'s> {
    trkref: &'s str,
    /// Always `None`: unknown here.
    locale: Option<&'s str>,
    name: &'s str,
    reviewables_path: String,
    customer_experience_reviews_path: String,
}

/// The response to `GET /v4/organisations/{trkref}`.
#[derive(Serialize)]
struct Shown<'s> {
    #[serde(flatten)]
    listed: Listed<'s>,
    customer_experience_scores: Scores,
}

#[derive(Default, Serialize)]
struct Scores {
    percentage_who_would_recommend: u64,
    number_of_retailer_rating_reviews: u64,
    percentage_happy_with_delivery: u64,
    number_of_retailer_delivery_reviews: u64,
    percentage_happy_with_customer_service: u64,
    number_of_retailer_service_reviews: u64,
}

/// Encodes a page of organisations.
pub(super) fn list(page: &OrganisationPage<'_>) -> Reply {
    let total_pages = page.total.div_ceil(page.limit);
    let current_page = page.offset / page.limit + 1;
    let pagination = Pagination {
        total_entries: page.total,
        total_pages,
        current_page,
        per_page: page.limit,
        previous_page: Some(current_page - 1).filter(|page| *page > 0),
        next_page: Some(current_page + 1).filter(|page| *page <= total_pages),
    };
    let organisations = page.organisations.iter();
    Reply::json(
        200,
        &List {
            summary: Summary { pagination },
            organisations: organisations
                .map(|organisation| listed(organisation))
                .collect(),
        },
    )
}

/// Encodes one organisation.
pub(super) fn show(organisation: &Organisation) -> Reply {
    Reply::json(
        200,
        &Shown {
            listed: listed(organisation),
            customer_experience_scores: Scores::default(),
        },
    )
}

fn listed(organisation: &Organisation) -> Listed<'_> {
    let code = &organisation.code;
    Listed {
        trkref: code,
        locale: None,
        name: &organisation.name,
        reviewables_path: format!("/v4/organisations;trkref={code}"),
        customer_experience_reviews_path: format!(
            "/v4/organisations;trkref={code}/customer_experience_reviews"
        ),
    }
}
