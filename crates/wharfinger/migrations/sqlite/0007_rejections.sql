-- Rejected orders that are closed; all others are open. batch, organisation, place: the rejected order, as in rejections; organisation
-- is 0 if it is not known. state: 1 mended, 2 dismissed. key_id: who closed it. mended_batch, mended_order, mended_in: the batch that
-- mended it, the order, and that order's organisation.
create table closed_rejections (
    batch blob not null,
    organisation integer not null,
    place integer not null,
    state integer not null,
    at_ms integer not null,
    key_id text not null,
    note text,
    mended_batch blob,
    mended_order blob,
    mended_in integer,
    row_checksum integer not null generated always as (checksum_of(batch, organisation, place, state, at_ms, key_id, note,
        mended_batch, mended_order, mended_in)) stored,
    intact integer generated always as (row_checksum = checksum_of(batch, organisation, place, state, at_ms, key_id, note,
        mended_batch, mended_order, mended_in)) virtual,
    primary key (batch, organisation, place)
) strict, without rowid;

-- Notes may name a person, so an erasure searches them.
create index closed_rejections_with_notes on closed_rejections (batch, organisation, place) where note is not null;

-- For lists of an organisation's rejected orders.
create index rejections_of_organisation on rejections (organisation, batch);

-- The names of the files that batches were read from. batch, key_id: those of the receipt.
create table batch_files (
    batch blob not null,
    key_id text not null,
    file_name text not null,
    row_checksum integer not null generated always as (checksum_of(batch, key_id, file_name)) stored,
    intact integer generated always as (row_checksum = checksum_of(batch, key_id, file_name)) virtual,
    primary key (batch, key_id)
) strict, without rowid;

-- For lists of a key's imports.
create index imports_by_age on imports (key_id, began_at_ms, id);
