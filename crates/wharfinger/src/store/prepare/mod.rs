//! Preparing a batch: from judged slots to compressed blocks and sorted keys.
//!
//! All of it happens before the writer's turn, on the thread of the request.
//!
//! May import: `receipts` (the encoding of rejected orders), `journal`, `api`, `format`.

mod chunks;
mod demanded;
mod holding;

use std::sync::Arc;

use wharfinger_core::decide::admit::{Intent, Policy};
use wharfinger_core::decide::catalogue::Demand;
use wharfinger_core::dialect::{Draft, Number, Slot, Verdict};
use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::outcome::Outcome;
use wharfinger_core::rules::{BatchWork, Hold};

use self::chunks::{ChunkBuilders, line_number};
use crate::store::api::replies::SaveReply;
use crate::store::api::{AllRules, OrganisationRules};
use crate::store::format::email_hash::{EmailHash, EmailKey};
use crate::store::format::entry_addr::EntryAddr;
use crate::store::format::id_map::IdMap;
use crate::store::format::varint::Damage;
use crate::store::journal::block::{self, Block, Frame};
use crate::store::receipts::encoding::{Chunk, Kind};
use crate::store::receipts::mending::{Keys, Mending};

/// A batch that is ready for the store: owned, compressed, and grouped by organisation.
pub struct Submission {
    pub(crate) batch: BatchId,
    pub(crate) dialect: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) key_id: String,
    pub(crate) received_at_ms: i64,
    /// The organisations that have an order in the batch, whether valid or rejected.
    pub(crate) groups: Vec<Group>,
    /// Whether valid orders are stored when others are rejected.
    pub(crate) policy: Policy,
    /// The number of valid orders.
    pub(crate) good: usize,
    /// The rejected orders.
    pub(crate) rejected: Vec<Chunk>,
    /// How many of the rejected orders have no known organisation.
    pub(crate) rejected_of_nobody: u64,
    /// The orders with warnings, whether valid or rejected.
    pub(crate) warned: Vec<Chunk>,
    /// How many of the orders with warnings have no known organisation.
    pub(crate) warned_of_nobody: u64,
    /// The line number of each valid order, if the body consists of lines.
    pub(crate) lines: Vec<u32>,
    /// How to save the response, if it should be saved.
    pub(crate) save_reply: Option<SaveReply<[Outcome]>>,
    /// The import step of the batch, if it belongs to an import.
    pub(crate) import: Option<crate::store::api::ImportStep>,
    /// The batch whose rejected orders are sent again.
    pub(crate) mends: Option<BatchId>,
    /// The rejected orders that it may mend.
    pub(crate) mending: Option<Arc<Mending>>,
    /// The revision that orders must have to be updated. `None` for any.
    pub(crate) of_revision: Option<u32>,
    /// The name of the file that the orders were read from.
    pub(crate) file_name: Option<String>,
    /// What orders request from their organisations' catalogues.
    demands: Vec<Arc<Demand>>,
    /// Order keys and senders' names, concatenated.
    arena: String,
}

impl Submission {
    /// Whether there is any order to decide on.
    pub(crate) fn has_good(&self) -> bool {
        self.good > 0
    }

    /// The amount of work for the writer, in orders.
    pub(crate) fn weight(&self) -> usize {
        let faulty = usize::try_from(self.faulty()).unwrap_or(usize::MAX);
        self.good.saturating_add(faulty)
    }

    /// The number of rejected orders.
    pub(crate) fn faulty(&self) -> u64 {
        let of_groups: u64 = self.groups.iter().map(|group| group.rejected).sum();
        of_groups + self.rejected_of_nobody
    }
}

/// The orders of one organisation in a batch.
#[derive(Debug)]
pub(crate) struct Group {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The valid orders, in the order of the batch.
    pub rows: Vec<Row>,
    /// The rows in the order in which they are decided. Sorted by key, so that the index is written from left to right; rows
    /// with the same key stay in the order of the batch. If any order of the batch has a number, all stay in the order of the
    /// batch.
    pub steps: Vec<GroupIndex>,
    /// The texts of the rows.
    pub blocks: Vec<Arc<Block>>,
    /// The number of rejected orders.
    pub rejected: u64,
    /// The number of orders with warnings, whether valid or rejected.
    pub warned: u64,
    /// The rules of the organisation, if it has any.
    pub rules: Option<Arc<OrganisationRules>>,
    /// Why orders are held by those rules, by [`Row::hold`]. Orders that depend on what is stored are judged later.
    pub holds: Vec<Hold>,
}

impl Group {
    /// Why an order is held, as far as it depends on its text alone.
    pub(crate) fn hold(&self, row: &Row) -> Option<&Hold> {
        self.holds.get(row.hold? as usize)
    }

    /// The hash of an order's e-mail address.
    pub(crate) fn email(&self, row: &Row) -> EmailHash {
        let emails = self.blocks[row.block as usize].emails.as_deref();
        let mut hashes = EmailHash::each(emails.unwrap_or_default());
        hashes.nth(row.ordinal as usize).unwrap_or(EmailHash::NONE)
    }
}

/// Reads the texts of a group's orders. Caches one frame, so reading in order is fastest.
#[derive(Default)]
pub(crate) struct GroupTexts {
    frame: Frame,
    /// The block of the cached frame.
    block: Option<u32>,
}

impl GroupTexts {
    /// The text of an order.
    pub(crate) fn of(&mut self, group: &Group, row: &Row) -> Result<&str, Damage> {
        let ordinal = row.ordinal as usize;
        if self.block != Some(row.block) || self.frame.text(ordinal).is_none() {
            self.frame = Frame::read(&group.blocks[row.block as usize].texts, ordinal)?;
            self.block = Some(row.block);
        }
        Ok(self.frame.text(ordinal).unwrap_or_default())
    }
}

/// A valid order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The order key. Empty if the server assigns a number.
    pub key: Span,
    /// The sender's name for the order.
    pub name: Option<Span>,
    /// The content hash.
    pub hash: u128,
    /// What the submission asks for.
    pub intent: Intent,
    /// The number that the order is to have.
    pub number: Number,
    /// The position in [`Submission::demands`] of its demand on a catalogue.
    pub demand: Option<u32>,
    /// The position in [`Group::holds`] of why a rule holds it.
    pub hold: Option<u32>,
    /// The position in the batch.
    pub index: u32,
    /// The position among the valid orders of the batch.
    pub valid: ValidIndex,
    /// The position of its block in the group.
    pub block: u32,
    /// The position in the block.
    pub ordinal: u32,
}

/// The position of an order among the valid orders of its batch. The outcomes of a batch are in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValidIndex(u32);

impl ValidIndex {
    /// The position in a list that has an element for each valid order.
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// The position of an order in [`Group::rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupIndex(u32);

impl GroupIndex {
    /// The position in a list that has an element for each row of the group.
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// A range of the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Submission {
    /// The batch, with a response to save. `save_reply` encodes the outcomes of its valid orders.
    #[must_use]
    pub fn remembered(mut self, save_reply: SaveReply<[Outcome]>) -> Self {
        self.save_reply = Some(save_reply);
        self
    }

    /// Names the rejected orders that the batch may mend.
    #[must_use]
    pub fn mending(mut self, mending: Option<Arc<Mending>>) -> Self {
        self.mending = mending;
        self
    }

    /// The keys of the valid orders, per organisation.
    #[must_use]
    pub fn keys(&self) -> Keys {
        let of_group = |group: &Group| {
            let keys = group.rows.iter().map(|row| self.text(row.key));
            let keys = keys.filter(|key| !key.is_empty()).map(str::to_owned);
            (group.organisation, keys.collect())
        };
        self.groups.iter().map(of_group).collect()
    }

    /// The text of a span.
    pub(crate) fn text(&self, span: Span) -> &str {
        &self.arena[span.start..span.end]
    }

    /// What a valid order requests from its organisation's catalogue. `None` if the catalogue is not enforced.
    pub(crate) fn demand(&self, row: &Row) -> Option<&Arc<Demand>> {
        self.demands.get(row.demand? as usize)
    }

    /// Whether any order is decided against a catalogue.
    pub(crate) fn has_demands(&self) -> bool {
        !self.demands.is_empty()
    }

    /// The line number of a valid order.
    pub(crate) fn line(&self, row: &Row) -> Option<u32> {
        self.lines.get(row.valid.at()).copied()
    }
}

impl Row {
    /// The address of the order, if its group begins at `first`. That may be in the middle of a block only if the block has room
    /// for the whole group.
    pub(crate) fn addr(&self, first: EntryAddr) -> EntryAddr {
        let block = first.block().plus(self.block as usize);
        block.entry(first.ordinal() + self.ordinal as usize)
    }
}

/// The data of a batch's receipt, except for the outcomes of its orders.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'h> {
    /// The batch.
    pub batch: BatchId,
    /// The dialect of the batch.
    pub dialect: &'static str,
    /// The route's name.
    pub operation: &'static str,
    /// The API key that sent the batch.
    pub key_id: &'h str,
    /// When the batch was received, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// The organisation that the request named, if any.
    pub organisation: Option<OrganisationId>,
    /// Whether valid orders are stored when others are rejected.
    pub policy: Policy,
    /// The batch whose rejected orders are sent again.
    pub mends: Option<BatchId>,
    /// The name of the file that the orders were read from.
    pub file_name: Option<&'h str>,
    /// The key that e-mail addresses are hashed with.
    pub email_key: EmailKey,
    /// The rules of organisations that have any.
    pub rules: Option<&'h AllRules>,
}

/// Prepares a judged batch for the store. This is most of the work of a batch, and needs no database. Call it on the thread of
/// the request.
///
/// # Panics
/// A valid slot has no organisation. Dialects never produce such slots.
#[must_use]
pub fn prepare(heading: &Heading<'_>, slots: &[Slot<'_>]) -> Submission {
    let mut arena = Arena::default();
    let mut groups = Groups {
        expected: slots.len(),
        ..Groups::default()
    };
    if let Some(organisation) = heading.organisation {
        // The receipt of a batch for an organisation is visible there, even if the batch has no order.
        groups.of(organisation);
    }
    let mut rejections = ChunkBuilders::of(Kind::Rejected);
    let mut warned = ChunkBuilders::of(Kind::Warned);
    let (mut rejected_of_nobody, mut warned_of_nobody, mut good) = (0, 0, 0);
    let (mut lines, mut demands) = (Vec::new(), Vec::new());
    let mut work = BatchWork::before_turn();
    for (index, slot) in (0_u32..).zip(slots) {
        if !slot.warnings.is_empty() {
            match slot.organisation {
                Some(organisation) => groups.of(organisation).group.warned += 1,
                None => warned_of_nobody += 1,
            }
            warned.push(slot, index, &[]);
        }
        match &slot.verdict {
            Verdict::Good(draft) => {
                let organisation = slot.organisation.expect("a good order has an organisation");
                let key = arena.key(slot, draft.number);
                let name = slot.name.as_deref().map(|name| arena.add(name));
                let email = heading.hash(slot.email.as_deref());
                let mut row = row(key, name, draft, index, ValidIndex(good));
                demanded::note_demand(draft, &mut row, &mut demands);
                let filling = groups.of(organisation);
                if let Some(rules) = heading.rules {
                    filling.judge(rules, heading.dialect, (slot, &mut row), &mut work);
                }
                filling.push(slot.raw, row, email);
                lines.extend(slot.line.map(line_number));
                good += 1;
            }
            Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
                match slot.organisation {
                    Some(organisation) => groups.of(organisation).group.rejected += 1,
                    None => rejected_of_nobody += 1,
                }
                rejections.push(slot, index, problems);
            }
        }
    }
    let groups = groups.finish(&arena.text);
    Submission {
        batch: heading.batch,
        dialect: heading.dialect,
        operation: heading.operation,
        key_id: heading.key_id.to_owned(),
        received_at_ms: heading.received_at_ms,
        groups,
        policy: heading.policy,
        good: good as usize,
        rejected: rejections.finish(),
        rejected_of_nobody,
        warned: warned.finish(),
        warned_of_nobody,
        lines,
        save_reply: None,
        demands,
        arena: arena.text,
        import: None,
        mends: heading.mends,
        mending: None,
        of_revision: None,
        file_name: heading.file_name.map(str::to_owned),
    }
}

fn row(key: Span, name: Option<Span>, draft: &Draft, index: u32, valid: ValidIndex) -> Row {
    Row {
        key,
        name,
        hash: draft.hash,
        intent: draft.intent,
        number: draft.number,
        demand: None,
        hold: None,
        index,
        valid,
        block: 0,
        ordinal: 0,
    }
}

#[derive(Default)]
struct Arena {
    text: String,
}

impl Arena {
    fn add(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        Span {
            start,
            end: self.text.len(),
        }
    }

    fn key(&mut self, slot: &Slot<'_>, number: Number) -> Span {
        match number {
            Number::None => self.add(slot.key.as_deref().unwrap_or_default()),
            Number::Given(number) => self.add(&number.to_string()),
            Number::Next => self.add(""),
        }
    }
}

/// A group that is being filled.
struct Filling<'t> {
    group: Group,
    /// The hash of the e-mail address and the text of each row.
    texts: Vec<(EmailHash, &'t str)>,
    has_numbers: bool,
}

impl<'t> Filling<'t> {
    fn push(&mut self, text: &'t str, row: Row, email: EmailHash) {
        self.has_numbers |= row.number != Number::None;
        self.group.rows.push(row);
        self.texts.push((email, text));
    }

    /// Packs the rows. The builder is empty before and after, and keeps its memory for the next group.
    fn pack(&mut self, builder: &mut block::Builder, arena: &str) {
        let Group { rows, blocks, .. } = &mut self.group;
        for (row, (email, text)) in rows.iter_mut().zip(&self.texts) {
            if builder.is_full() {
                blocks.push(Arc::new(builder.finish()));
            }
            row.block = u32::try_from(blocks.len()).expect("a batch is far smaller");
            row.ordinal = u32::try_from(builder.entries()).expect("a block is far smaller");
            let key = &arena[row.key.start..row.key.end];
            builder.push(row.index, key, *email, text);
        }
        if builder.entries() > 0 {
            blocks.push(Arc::new(builder.finish()));
        }
    }
}

/// The groups, in the order of first appearance of their organisations.
#[derive(Default)]
struct Groups<'t> {
    filling: Vec<Filling<'t>>,
    by_organisation: IdMap<OrganisationId, usize>,
    latest: usize,
    /// The capacity to reserve for the first group, which is usually the only one.
    expected: usize,
}

impl<'t> Groups<'t> {
    fn of(&mut self, organisation: OrganisationId) -> &mut Filling<'t> {
        let is_latest = |filling: &Filling| filling.group.organisation == organisation;
        if !self.filling.get(self.latest).is_some_and(is_latest) {
            let new = self.filling.len();
            self.latest = *self.by_organisation.entry(organisation).or_insert(new);
            if self.latest == new {
                let expected = std::mem::take(&mut self.expected);
                self.filling.push(Filling {
                    group: Group {
                        organisation,
                        rows: Vec::with_capacity(expected),
                        steps: Vec::new(),
                        blocks: Vec::new(),
                        rejected: 0,
                        warned: 0,
                        rules: None,
                        holds: Vec::new(),
                    },
                    texts: Vec::with_capacity(expected),
                    has_numbers: false,
                });
            }
        }
        &mut self.filling[self.latest]
    }

    fn finish(self, arena: &str) -> Vec<Group> {
        // If numbers are assigned, the order of the batch decides which order gets which number.
        let has_numbers = self.filling.iter().any(|filling| filling.has_numbers);
        let mut groups = Vec::with_capacity(self.filling.len());
        let mut builder = block::Builder::default();
        for mut filling in self.filling {
            filling.pack(&mut builder, arena);
            let mut group = filling.group;
            group.steps = (0..).map(GroupIndex).take(group.rows.len()).collect();
            if !has_numbers {
                let key = |step: &GroupIndex| {
                    let key = group.rows[step.at()].key;
                    &arena[key.start..key.end]
                };
                group.steps.sort_by(|left, right| key(left).cmp(key(right)));
            }
            groups.push(group);
        }
        groups
    }
}
