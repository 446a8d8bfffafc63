-- Batches that send again what another batch had rejected. batch, key_id: those of the receipt. mended: the other batch; its receipt may
-- be gone. A table of its own, so that receipts of other batches take no more room, and are not rewritten by this migration.
create table mended_batches (
    batch blob not null,
    key_id text not null,
    mended blob not null,
    row_checksum integer not null generated always as (checksum_of(batch, key_id, mended)) stored,
    intact integer generated always as (row_checksum = checksum_of(batch, key_id, mended)) virtual,
    primary key (batch, key_id)
) strict, without rowid;
