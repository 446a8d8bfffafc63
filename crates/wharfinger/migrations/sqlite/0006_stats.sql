-- Statistics. Batches add to a log; behind them, its rows are added to the sums and deleted. Numbers and causes only: nothing of a
-- person.

-- What the batches of a transaction add to the sums, a row for each API key. changes: packed.
create table stats_log (
    id integer primary key autoincrement,
    key_id text not null,
    changes blob not null,
    row_checksum integer not null generated always as (checksum_of(id, key_id, changes)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, key_id, changes)) virtual
) strict;

-- How many orders had which outcome. step: 0 a minute, 1 an hour, 2 a day of UTC; at_ms: when it begins. organisation: 0 where it is
-- not known, then key_id is that of the sender, else it is empty; -1 for all that are known.
create table stats (
    step integer not null,
    at_ms integer not null,
    organisation integer not null,
    dialect integer not null,
    key_id text not null,
    accepted integer not null,
    updated integer not null,
    unchanged integer not null,
    rejected integer not null,
    withheld integer not null,
    row_checksum integer not null generated always as (checksum_of(step, at_ms, organisation, dialect, key_id, accepted, updated,
        unchanged, rejected, withheld)) stored,
    intact integer generated always as (row_checksum = checksum_of(step, at_ms, organisation, dialect, key_id, accepted, updated,
        unchanged, rejected, withheld)) virtual,
    primary key (step, at_ms, organisation, dialect, key_id)
) strict, without rowid;

-- Why orders were rejected. pointer: with * for each place in an array. key_id: that of the sender. orders: how many were rejected for
-- it; closed: how many of them were mended or dismissed since. last_ms, batch, batch_index: the last of them; batch is null where
-- none is known.
create table error_causes (
    step integer not null,
    at_ms integer not null,
    organisation integer not null,
    dialect integer not null,
    code text not null,
    pointer text not null,
    key_id text not null,
    orders integer not null,
    closed integer not null,
    last_ms integer not null,
    batch blob,
    batch_index integer not null,
    row_checksum integer not null generated always as (checksum_of(step, at_ms, organisation, dialect, code, pointer, key_id, orders,
        closed, last_ms, batch, batch_index)) stored,
    intact integer generated always as (row_checksum = checksum_of(step, at_ms, organisation, dialect, code, pointer, key_id, orders,
        closed, last_ms, batch, batch_index)) virtual,
    primary key (step, at_ms, organisation, dialect, code, pointer, key_id)
) strict, without rowid;

-- Batches that are stored already are counted from their receipts, by the times in their ids: up to stats_filled_ms it is done. An
-- hour more, because a clock may be behind.
insert into settings (name, value) values
    ('stats_begin_ms', case when exists (select 1 from batches) then cast(strftime('%s', 'now') as integer) * 1000 + 3600000 else 0 end),
    ('stats_filled_ms', 0);
