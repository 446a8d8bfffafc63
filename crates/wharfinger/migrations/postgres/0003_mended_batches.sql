-- Batches that send again what another batch had rejected. batch, key_id: those of the receipt. mended: the other batch; its receipt may
-- be gone. A table of its own, so that receipts of other batches take no more room, and are not rewritten by this migration.
create table mended_batches (
    batch bytea not null,
    key_id text not null,
    mended bytea not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(batch, key_id, mended), 0)) stored,
    primary key (batch, key_id)
);
