-- The keys that are for tests: they may ask for failures.
create table test_keys (
    id text not null primary key,
    row_checksum bigint not null generated always as (hash_record_extended(row(id), 0)) stored
);
