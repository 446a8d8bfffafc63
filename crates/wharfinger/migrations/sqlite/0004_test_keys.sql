-- The keys that are for tests: they may ask for failures.
create table test_keys (
    id text not null primary key,
    row_checksum integer not null generated always as (checksum_of(id)) stored,
    intact integer generated always as (row_checksum = checksum_of(id)) virtual
) strict, without rowid;
