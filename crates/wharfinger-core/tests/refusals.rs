//! Every dialect can encode every request failure and every problem.

use wharfinger_core::dialect::{
    Action, Answer, Dialect, Operation, ResponseOptions, Slot, Submitted, Verdict,
};
use wharfinger_core::dialects;
use wharfinger_core::json::Envelope;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::outcome::Outcome;
use wharfinger_core::order::problem::{Code, Path, Problem, Problems, Step};

#[test]
fn every_failure_can_be_told_in_every_dialect() {
    for dialect in dialects::ALL {
        let operations = dialect.operations().iter().map(Some);
        for operation in std::iter::once(None).chain(operations) {
            for failure in RequestFailure::examples() {
                check_refusal(*dialect, operation, &failure);
            }
        }
    }
}

fn check_refusal(dialect: &dyn Dialect, operation: Option<&Operation>, failure: &RequestFailure) {
    let place = format!(
        "{} {:?} {failure:?}",
        dialect.id(),
        operation.map(|known| known.name)
    );
    let reply = dialect.refuse(operation, failure, "/some/path");
    let body: Result<serde_json::Value, _> = serde_json::from_slice(&reply.body);
    assert!(body.is_ok_and(|body| body.is_object()), "{place}");
    let is_json = ["application/json", "application/problem+json"].contains(&reply.content_type);
    assert!(is_json, "{place}: {}", reply.content_type);
    if is_status_open(failure) {
        assert!(
            (400..500).contains(&reply.status),
            "{place}: {}",
            reply.status
        );
    } else {
        let statuses = [failure.status(), failure.usual_status()];
        assert!(statuses.contains(&reply.status), "{place}");
    }
    let has = |name: &str| reply.headers.iter().any(|(known, _)| *known == name);
    assert_eq!(has("www-authenticate"), reply.status == 401, "{place}");
    if let Some((name, value)) = failure.header() {
        assert!(reply.headers.contains(&(name, value)), "{place}: {name}");
    }
}

/// Whether a vendor may use its own status for the failure.
fn is_status_open(failure: &RequestFailure) -> bool {
    match failure {
        RequestFailure::OrganisationMissing
        | RequestFailure::OrganisationUnknown
        | RequestFailure::OrganisationDisabled
        | RequestFailure::EmptyBody
        | RequestFailure::WrongEnvelope { .. }
        | RequestFailure::BadParameter(_)
        | RequestFailure::TooMany(_) => true,
        RequestFailure::NotFound(_)
        | RequestFailure::MethodNotAllowed { .. }
        | RequestFailure::Overloaded { .. }
        | RequestFailure::DiskFull { .. }
        | RequestFailure::CommitUnknown { .. }
        | RequestFailure::Unauthorized
        | RequestFailure::TooManyAttempts { .. }
        | RequestFailure::Forbidden(_)
        | RequestFailure::UnsupportedMediaType { .. }
        | RequestFailure::UnsupportedEncoding
        | RequestFailure::BodyTooLarge { .. }
        | RequestFailure::TooManyOrders { .. }
        | RequestFailure::BodyTimeout
        | RequestFailure::BrokenEncoding
        | RequestFailure::BrokenBody(_)
        | RequestFailure::Malformed(_)
        | RequestFailure::Invalid(_)
        | RequestFailure::IdempotencyKeyReused
        | RequestFailure::IdempotencyKeyBusy { .. }
        | RequestFailure::AnswerErased
        | RequestFailure::Conflict(_)
        | RequestFailure::Gone { .. }
        | RequestFailure::RateLimited { .. }
        | RequestFailure::Internal => false,
    }
}

#[test]
fn every_problem_can_be_told_in_every_dialect() {
    let nested = Path(vec![
        Step::Name("a".into()),
        Step::Index(1),
        Step::Name("é\"".into()),
    ]);
    for dialect in dialects::ALL {
        for operation in dialect.operations() {
            for code in Code::EXAMPLES {
                for path in [Path::default(), Path::of("a"), nested.clone()] {
                    check_rejection(*dialect, operation, &Problem { path, code });
                }
            }
        }
    }
}

fn check_rejection(dialect: &dyn Dialect, operation: &Operation, problem: &Problem) {
    let place = format!("{} {} {problem:?}", dialect.id(), operation.name);
    let problems: Problems = [problem.clone(), problem.clone()].into();
    let slot = |name: Option<&'static str>, key: Option<&'static str>, verdict: Verdict| Slot {
        raw: "{\"a\":1}",
        line: None,
        name: name.map(Into::into),
        key: key.map(Into::into),
        organisation: Some(OrganisationId(1)),
        email: None,
        warnings: Vec::new(),
        verdict,
    };
    let reply = match operation.action {
        Action::Submit { .. } => {
            let slots = [
                slot(Some("x"), Some("7"), Verdict::Faulty(problems.clone())),
                slot(Some("y"), None, Verdict::Unreadable(problems.clone())),
            ];
            let outcomes = [
                Outcome::Rejected(problems.clone()),
                Outcome::Rejected(problems),
            ];
            let is_one = submits_one(operation);
            let count = if is_one { 1 } else { 2 };
            dialect.encode(
                operation,
                &Answer::Submitted(Submitted {
                    batch: BatchId::new(1, 1),
                    root_fits: true,
                    slots: &slots[..count],
                    outcomes: &outcomes[..count],
                    options: ResponseOptions::default(),
                }),
            )
        }
        Action::Withdraw => dialect.encode(
            operation,
            &Answer::Withdrawn(&[("7".into(), Err(problem.code)), ("8".into(), Ok(()))]),
        ),
        Action::List | Action::Stream | Action::Show | Action::Resource { .. } => return,
    };
    assert!(
        (200..500).contains(&reply.status),
        "{place}: {}",
        reply.status
    );
    let body: Result<serde_json::Value, _> = serde_json::from_slice(&reply.body);
    assert!(
        body.is_ok(),
        "{place}: {}",
        String::from_utf8_lossy(&reply.body)
    );
}

fn submits_one(operation: &Operation) -> bool {
    matches!(
        operation.action,
        Action::Submit {
            envelope: Envelope::One,
            ..
        }
    )
}
