//! Rewriting a block under the same id, with each entry at the same ordinal, so that every address stays valid.

use super::block::{self, Block, Builder, Frame};
use super::entry_outcomes::{self, EntryOutcome};
use super::write::Columns;
use crate::store::engine::driver::{Connection, params};
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
    let stored = read(connection, id)?;
    let entry_outcomes = entry_outcomes::decode(&stored.slots)?;
    let indexes = block::decode_indexes(&stored.indexes)?;
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
    write(connection, id, &written, &stored.indexes, packed.as_ref())
}

/// The stored columns of a block.
struct Stored {
    slots: Vec<u8>,
    indexes: Vec<u8>,
    emails: Option<Vec<u8>>,
    keys: Option<Vec<u8>>,
    texts: Option<Vec<u8>>,
}

fn read(connection: &Connection, id: BlockId) -> Result<Stored, Fault> {
    let select = "select slots, indexes, emails, keys, texts, checksum from blocks \
                  where id = ?1 and of_organisation(?1 >> 32) and sound(blocks.intact)";
    let mut select = connection.prepare_cached(select)?;
    let (stored, checksum): (Stored, i64) = select.query_row([id.0], |row| {
        let stored = Stored {
            slots: row.get(0)?,
            indexes: row.get(1)?,
            emails: row.get(2)?,
            keys: row.get(3)?,
            texts: row.get(4)?,
        };
        Ok((stored, row.get(5)?))
    })?;
    let columns = Columns {
        slots: &stored.slots,
        indexes: &stored.indexes,
        emails: stored.emails.as_deref(),
        keys: stored.keys.as_deref(),
        texts: stored.texts.as_deref(),
    };
    // A new checksum would hide damage to the stored data.
    if columns.checksum() != checksum {
        let why = format!("the checksum of block {} is wrong", id.0);
        return Err(Fault::Damaged(why));
    }
    Ok(stored)
}

fn write(
    connection: &Connection,
    id: BlockId,
    entry_outcomes: &[EntryOutcome],
    indexes: &[u8],
    packed: Option<&Block>,
) -> Result<(), Fault> {
    let slots = entry_outcomes::encode(entry_outcomes);
    let columns = Columns {
        slots: &slots,
        indexes,
        emails: packed.and_then(|packed| packed.emails.as_deref()),
        keys: packed.map(|packed| packed.keys.as_slice()),
        texts: packed.map(|packed| packed.texts.as_slice()),
    };
    let update = "update blocks set checksum = ?2, slots = ?3, emails = ?4, keys = ?5, texts = ?6 \
                  where id = ?1 and of_organisation(?1 >> 32)";
    connection.prepare_cached(update)?.execute(params![
        id.0,
        columns.checksum(),
        columns.slots,
        columns.emails,
        columns.keys,
        columns.texts,
    ])?;
    Ok(())
}
