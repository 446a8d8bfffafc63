-- Recent changes, before they are merged into the tables: a row for each transaction that has changed something. A row has keys in
-- order, each with its space (b a small block, c counters, i an order of the index, o the open orders of a block), and its value,
-- or that there is none; compressed. Numbers are drawn when all locks are held: of two changes of a key, the one with the greater
-- number is the later one. transaction_id = that of the transaction, by which servers find what they have not read yet.
create table recent_changes (
    number bigint not null primary key,
    transaction_id bigint not null default cast(cast(pg_current_xact_id() as text) as bigint),
    changes bytea not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(number, transaction_id, changes), 0)) stored
);

create sequence recent_numbers;
create index recent_changes_transaction on recent_changes (transaction_id);

-- How often recent changes were merged into the tables, each time all that the merging server knew.
create table merges (
    generation bigint not null primary key,
    row_checksum bigint not null generated always as (hash_record_extended(row(generation), 0)) stored
);

insert into merges (generation) values (0);

-- Neighbouring small blocks of an organisation, compressed together: see 0001 of the embedded store.
create table block_packs (
    first bigint not null primary key,
    last bigint not null,
    organisation bigint not null,
    -- Whether an order of these blocks is open.
    has_open boolean not null,
    blocks bytea not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(first, last, organisation, has_open, blocks), 0)) stored
);

create index block_packs_open on block_packs (first) where has_open;

-- A transaction locks the rows of the organisations that it writes to. They are never changed, so the merging of counters need not
-- wait for them.
create table organisation_locks (
    organisation bigint not null primary key,
    row_checksum bigint not null generated always as (hash_record_extended(row(organisation), 0)) stored
);

insert into organisation_locks (organisation) select organisation from counters;

-- What is packed already is not to be packed again.
alter table recent_changes alter column changes set storage external;
alter table block_packs alter column blocks set storage external;

alter table merges set (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
alter table recent_changes set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Servers of older versions that are still running do not know recent changes, and would write around them. They may not. The code is
-- one that they take for an unreachable database, so they answer 503.
create function refuse_older_servers() returns trigger language plpgsql as $$
begin
    raise exception 'a newer version of wharfinger has changed this database; restart this server with it'
        using errcode = 'cannot_connect_now';
end $$;

do $$
begin
    -- Citus has no triggers on distributed tables, and no recent changes.
    if not exists (select from pg_extension where extname = 'citus') then
        create trigger refuse_older_servers before insert or update on counters for each statement
            when (current_setting('wharfinger.recent_changes', true) is distinct from 'on') execute function refuse_older_servers();
    end if;
end $$;
