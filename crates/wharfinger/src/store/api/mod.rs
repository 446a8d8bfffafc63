//! What callers ask the store for, and what it answers. Plain data: nothing here reads or writes.
//!
//! May import: `format`.

pub(super) mod catalogue;
pub(super) mod causes;
pub(super) mod destinations;
pub(super) mod directory;
pub(super) mod disk;
pub(super) mod error;
pub(super) mod feed;
pub(super) mod imports;
pub(super) mod inspection;
pub(super) mod maintenance;
pub(super) mod orders;
pub(super) mod receipts;
pub(super) mod rejections;
pub(super) mod replies;
pub(super) mod stats;

pub use self::catalogue::{
    CustomerPage, LineOutcome, Load, LoadCounts, Loaded, LoadedLines, ProductPage, ReadCustomers,
    ReadProducts,
};
pub use self::destinations::{
    Attempt, Delivery, DeliveryLag, DeliveryOrder, DeliveryPage, Destination, DestinationChange,
    DestinationPatch, DestinationState, DestinationStatus, FeedPlace, HeldLease, Lease, Parked,
    Progress, ReplayFrom, Report, STORED_FORM, Selection, SigningSecret,
};
pub use self::directory::{
    AllRules, AuditEntry, AuditPage, COMMAND_LINE, Change, ConsoleSession, Directory, Key,
    OrganisationChange, OrganisationRules, RATE_MAX, Rates, ReadAudit, rules_revision,
};
pub use self::disk::{DISK_RETRY_AFTER, RETRY_AFTER, Room};
pub use self::error::StoreError;
pub use self::feed::{
    Epoch, Event, EventKind, FeedBegins, FeedCursor, FeedEvent, FeedFilter, FeedPage, Growth,
    LAGGING_MAX, ReadFeed,
};
pub use self::imports::{
    Import, ImportCursor, ImportEnd, ImportPage, ImportState, ImportStep, NewImport,
};
pub use self::inspection::{
    Content, ContentCounts, EngineFacts, Inspection, OrderCount, PostgresFacts, SchemaVersions,
    SqliteFacts,
};
pub use self::maintenance::{
    CheckReport, EraseCustomer, ErasedCustomer, Erasure, PurgeReport, PurgedOf,
};
pub use self::orders::{
    FoundOrder, Fulfil, Fulfilled, FulfilledOrder, History, HistoryCursor, HistoryEntry,
    HistoryKind, KeepFound, ListCursor, ListOrders, ListPage, ListedBy, MEND_ORDER, OrderCursor,
    OrderPage, ReadOrders, Revision, TransitionById, TransitionByKey, TransitionRefused,
    TransitionResult, TransitionedById,
};
pub use self::receipts::{
    OutcomeKind, RECEIPT_ORGANISATIONS_MAX, ReadReceipts, ReadResults, ReceiptHead, ReceiptPage,
    ReceiptWarning, Recorded, RecordedOutcome, RecordedProblem, Rejection, ResultPage, Visible,
};
pub use self::rejections::{
    Closed, DismissDone, DismissRejection, DismissResult, Dismissed, MendedBy, ReadRejections,
    RejectedOrder, RejectionId, RejectionPage,
};
pub use self::replies::{Admitted, SaveReply, SavedReply, TransitionedByKey};
pub use self::stats::{
    ErrorCause, ErrorExample, ErrorPage, ErrorPlace, ErrorSum, OutcomeSums, ReadErrors,
    ReadOutcomes, Step,
};
