//! Rewriting a block under the same id, with each entry at the same ordinal, so that every address stays valid.

use super::block::{self, Builder, Frame};
use super::entry_outcomes::{self, EntryOutcome};
use super::rows::{self, Columns};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::BlockId;

/// An entry of a block that is rewritten.
pub(crate) struct Entry {
    /// The outcome.
    pub entry_outcome: EntryOutcome,
    /// The order key. Empty in a block without texts.
    pub key: String,
    /// The hash of the e-mail address.
    pub email: EmailHash,
    /// The text. Empty in a block without texts.
    pub text: String,
}

/// Rewrites a block. `change` may modify each entry; it also gets the ordinal. If all entries are then purged, the block keeps no
/// keys, e-mail hashes or texts.
pub(crate) fn rewrite(
    connection: &Connection,
    id: BlockId,
    mut change: impl FnMut(usize, &mut Entry),
) -> Result<(), Fault> {
    // The checksum was checked: a new one would hide damage to the stored data.
    let stored = rows::whole(connection, id)?.ok_or_else(|| rows::missing(id))?;
    let entry_outcomes = entry_outcomes::decode(&stored.head.slots)?;
    let indexes = block::decode_indexes(&stored.head.indexes)?;
    let keys = stored.keys.as_deref().map(block::decode_keys).transpose()?;
    let hashes = stored.emails.as_deref().unwrap_or_default();
    let mut hashes = EmailHash::each(hashes);
    let mut frame = Frame::default();
    let mut packed = Builder::default();
    let mut written = Vec::with_capacity(entry_outcomes.len());
    for (ordinal, &entry_outcome) in entry_outcomes.iter().enumerate() {
        let text = match &stored.texts {
            Some(texts) => {
                if frame.text(ordinal).is_none() {
                    frame = Frame::read(texts, ordinal)?;
                }
                frame.text(ordinal).unwrap_or_default()
            }
            None => "",
        };
        let key = keys.as_ref().and_then(|keys| keys.get(ordinal));
        let mut entry = Entry {
            entry_outcome,
            key: key.unwrap_or_default().to_owned(),
            email: hashes.next().unwrap_or(EmailHash::NONE),
            text: text.to_owned(),
        };
        change(ordinal, &mut entry);
        written.push(entry.entry_outcome);
        if let (Some(_), Some(&index)) = (&stored.texts, indexes.get(ordinal)) {
            packed.push(index, &entry.key, entry.email, &entry.text);
        }
    }
    let keeps_texts = stored.texts.is_some()
        && written
            .iter()
            .any(|entry_outcome| *entry_outcome != EntryOutcome::Purged);
    let packed = keeps_texts.then(|| packed.finish());
    let slots = entry_outcomes::encode(&written);
    let columns = Columns::of(&slots, &stored.head.indexes, packed.as_ref());
    rows::replace(connection, id, columns)
}
