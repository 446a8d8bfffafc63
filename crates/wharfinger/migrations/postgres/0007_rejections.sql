-- Rejected orders that are closed; all others are open. batch, organisation, place: the rejected order, as in rejections; organisation
-- is 0 if it is not known. state: 1 mended, 2 dismissed. key_id: who closed it. mended_batch, mended_order, mended_in: the batch that
-- mended it, the order, and that order's organisation.
create table closed_rejections (
    batch bytea not null,
    organisation bigint not null,
    place bigint not null,
    state bigint not null,
    at_ms bigint not null,
    key_id text not null,
    note text,
    mended_batch bytea,
    mended_order bytea,
    mended_in bigint,
    row_checksum bigint not null generated always as (hash_record_extended(row(batch, organisation, place, state, at_ms, key_id, note,
        mended_batch, mended_order, mended_in), 0)) stored,
    primary key (batch, organisation, place)
);

-- Notes may name a person, so an erasure searches them.
create index closed_rejections_with_notes on closed_rejections (batch, organisation, place) where note is not null;

-- For lists of an organisation's rejected orders.
create index rejections_of_organisation on rejections (organisation, batch);

-- The names of the files that batches were read from. batch, key_id: those of the receipt.
create table batch_files (
    batch bytea not null,
    key_id text not null,
    file_name text not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(batch, key_id, file_name), 0)) stored,
    primary key (batch, key_id)
);

-- For lists of a key's imports.
create index imports_by_age on imports (key_id, began_at_ms, id);
