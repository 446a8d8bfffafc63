//! The routes of a dialect, as data.

use crate::caller::Scope;
#[cfg(doc)]
use crate::failure::RequestFailure;
use crate::json::Envelope;

/// One route of a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, unique in the dialect; for logs and metrics.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with `{name}` for a parameter.
    pub path: &'static str,
    /// What the key must be allowed to do.
    pub scope: Scope,
    /// What it does.
    pub action: Action,
    /// What it is for, in a few words.
    pub summary: &'static str,
    /// What it takes besides its path and body, but for what every route takes.
    pub parameters: &'static [Parameter],
}

/// A parameter of the query or the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it may be.
    pub kind: ParameterKind,
    /// What it says.
    pub about: &'static str,
    /// Whether a request must have it.
    pub is_required: bool,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the query.
    Query,
    /// In a header field.
    Header,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any text.
    Text,
    /// Texts with commas between them, at least one.
    Texts,
    /// The code of an organisation.
    Organisation,
    /// A cursor that a list has given.
    Cursor,
    /// A whole number within these bounds.
    Number(u64, u64),
    /// `true` or `false`.
    Boolean,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// The name of a dialect.
    Dialect,
    /// The name of a dialect, or `submitted`.
    Form,
    /// A day, or a time with a space behind the day: `YYYY-mm-dd HH:MM:SS`.
    DayOrTime,
    /// A time (RFC 3339).
    Time,
    /// A UUID.
    Uuid,
    /// Seconds, such as `30s`, at most so many.
    Seconds(u64),
}

impl Parameter {
    /// A parameter of the query.
    #[must_use]
    pub const fn query(name: &'static str, kind: ParameterKind, about: &'static str) -> Self {
        let place = Place::Query;
        Self {
            name,
            place,
            kind,
            about,
            is_required: false,
        }
    }

    /// A header field; its name in small letters.
    #[must_use]
    pub const fn header(name: &'static str, kind: ParameterKind, about: &'static str) -> Self {
        let place = Place::Header;
        Self {
            name,
            place,
            kind,
            about,
            is_required: false,
        }
    }

    /// The same, which a request must have.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Takes orders in.
    Submit {
        /// How the body holds them.
        envelope: Envelope,
        /// What to do with a body of another kind.
        wrong_root: WrongRoot,
        /// Whether a body of nothing is taken, as one that says nothing.
        empty_body: EmptyBody,
    },
    /// Reads orders back ([`Ask::Orders`](crate::dialect::Ask::Orders)), one page.
    List,
    /// Reads orders back, all of them, in chunks of which each is encoded by itself.
    Stream,
    /// Reads one order back ([`Ask::Order`](crate::dialect::Ask::Order)).
    Show,
    /// Cancels orders and releases their keys ([`Ask::Withdraw`](crate::dialect::Ask::Withdraw)).
    Withdraw,
    /// Is about something that the server itself keeps, whatever dialect orders came in.
    Resource(Resource),
}

/// What the server keeps besides orders in their dialects' forms, and what is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Lists receipts.
    ListBatches,
    /// Shows a receipt.
    ShowBatch,
    /// Lists what became of each order of a batch.
    ListResults,
    /// Lists the rejected orders of a batch.
    ListRejected,
    /// Takes in a part of an import, or all of it.
    ReceiveImport,
    /// Shows how far an import is.
    ShowImport,
    /// Ends an import where it is.
    CancelImport,
    /// Lists orders of every dialect.
    ListOrders,
    /// Shows an order of any dialect.
    ShowOrder,
    /// Lists an order's revisions.
    ShowHistory,
    /// Takes an order on.
    ProcessOrder,
    /// Calls an order off.
    CancelOrder,
    /// Takes many orders on.
    ProcessOrders,
    /// Calls many orders off.
    CancelOrders,
    /// Says how far an order is fulfilled.
    FulfilOrder,
    /// Lists events, or waits for them.
    ListEvents,
    /// Lists organisations.
    ListOrganisations,
    /// Makes an organisation.
    CreateOrganisation,
    /// Shows an organisation.
    ShowOrganisation,
    /// Changes an organisation.
    ChangeOrganisation,
    /// Lists what an organisation sells.
    ListProducts,
    /// Loads what an organisation sells.
    LoadProducts,
    /// Lists to whom an organisation sells.
    ListCustomers,
    /// Loads to whom an organisation sells.
    LoadCustomers,
    /// Lists API keys.
    ListKeys,
    /// Makes an API key.
    CreateKey,
    /// Gives an API key a new secret.
    RotateKey,
    /// Makes an API key void.
    RevokeKey,
    /// Erases a person.
    EraseCustomer,
    /// Lists administrative changes.
    ListAudit,
}

/// What becomes of a body that is JSON, but not of the kind that the envelope wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongRoot {
    /// The request is turned down with [`RequestFailure::WrongEnvelope`].
    Refuse,
    /// A batch is judged as one without orders ([`Submitted::root_fits`](crate::dialect::Submitted::root_fits) is then false), a single order is judged as it is.
    Judge,
    /// Text and `null` are judged too; anything else but an object is refused. For single orders alone.
    TakeText,
}

/// What becomes of a body of nothing but white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyBody {
    /// It is malformed JSON.
    Malformed,
    /// The request is turned down with [`RequestFailure::EmptyBody`].
    Refuse,
    /// It stands for an order `{}`.
    EmptyObject,
}

/// A path as the routes have it, where it is one of theirs but for the case of its fixed segments.
#[must_use]
pub fn in_any_case(path: &str, operations: &[Operation]) -> Option<String> {
    operations.iter().find_map(|operation| {
        let templates = operation.path.split('/');
        if templates.clone().count() != path.split('/').count() {
            return None;
        }
        let segments = templates.zip(path.split('/')).map(|(template, segment)| {
            if template.starts_with('{') {
                Some(segment)
            } else {
                template.eq_ignore_ascii_case(segment).then_some(template)
            }
        });
        let segments: Option<Vec<_>> = segments.collect();
        segments.map(|segments| segments.join("/"))
    })
}
