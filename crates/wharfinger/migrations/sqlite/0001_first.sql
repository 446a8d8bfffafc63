-- Organisations, keys, and who changed them.

create table settings (
    name text primary key,
    value integer not null,
    row_checksum integer not null generated always as (checksum_of(name, value)) stored,
    intact integer generated always as (row_checksum = checksum_of(name, value)) virtual
) strict, without rowid;

insert into settings (name, value) values
    ('directory_version', 1),
    -- Another number after each load of products.
    ('catalogue_version', 1),
    -- The entry of the ledger of stock up to which the table of stock has it.
    ('stock_folded', 0),
    -- How often addresses were taken out of blocks: what was read before that is not made into runs.
    ('emails_erased', 0),
    -- Counts what is written to see whether the store can be.
    ('touched', 0),
    -- The key that e-mail addresses are hashed with, in two halves.
    ('email_key_1', random()),
    ('email_key_2', random());

create table organisations (
    id integer primary key,
    code text not null unique,
    name text not null,
    customer_orders_enabled integer not null,
    -- open or enforced
    catalogue text not null,
    -- an IANA name
    time_zone text not null,
    -- desc or asc
    list_sort text not null,
    row_checksum integer not null generated always as (checksum_of(id, code, name, customer_orders_enabled, catalogue,
        time_zone, list_sort)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, code, name, customer_orders_enabled, catalogue,
        time_zone, list_sort)) virtual
) strict;

-- In the order of creation. `organisations` and `scopes` are JSON arrays; no organisations means all of them.
create table keys (
    number integer primary key,
    id text not null unique,
    secret_sha256 blob not null,
    organisations text,
    scopes text not null,
    created_at_ms integer not null,
    expires_at_ms integer,
    revoked_at_ms integer,
    last_used_at_ms integer,
    requests_per_second integer,
    orders_per_second integer,
    row_checksum integer not null generated always as (checksum_of(number, id, secret_sha256, organisations, scopes,
        created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms, requests_per_second, orders_per_second)) stored,
    intact integer generated always as (row_checksum = checksum_of(number, id, secret_sha256, organisations, scopes,
        created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms, requests_per_second, orders_per_second)) virtual
) strict;

-- who: the id of a key, or 'command line'. details: a JSON object.
create table audit (
    id integer primary key,
    at_ms integer not null,
    who text not null,
    action text not null,
    subject text not null,
    details text,
    row_checksum integer not null generated always as (checksum_of(id, at_ms, who, action, subject, details)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, at_ms, who, action, subject, details)) virtual
) strict;

create table dialects (
    id integer primary key,
    name text not null unique,
    row_checksum integer not null generated always as (checksum_of(id, name)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, name)) virtual
) strict;

-- Each process that has written to the journal, in the order of their first commits; the first row is of the store's
-- beginning. id is random. A cursor of the feed names the latest row that its reader saw: a store that was restored to an
-- earlier moment does not know the rows that were added since. after_stamp = the greatest stamp of a block before the epoch.
create table epochs (
    number integer primary key,
    id integer not null,
    began_at_ms integer not null,
    after_stamp integer not null,
    row_checksum integer not null generated always as (checksum_of(number, id, began_at_ms, after_stamp)) stored,
    intact integer generated always as (row_checksum = checksum_of(number, id, began_at_ms, after_stamp)) virtual
) strict;

insert into epochs (number, id, began_at_ms, after_stamp) values (1, random(), 0, 0);

-- What is next in each organisation. Read once and written once in a transaction.
create table counters (
    organisation integer primary key,
    next_block integer not null,
    next_position integer not null,
    next_number integer not null,
    last_ms integer not null,
    -- The latest time of any block, and the number of the last block that is of an earlier one: the clock had gone back. Else 0.
    latest_ms integer not null,
    back_block integer not null,
    -- The epoch and the stamp of the latest block.
    epoch integer not null,
    stamp integer not null,
    -- How many orders are in each state: for each dialect that has orders, in the order of their numbers, its number and how
    -- many are draft, pending, processed and cancelled, as varints.
    states blob not null default x'',
    row_checksum integer not null generated always as (checksum_of(organisation, next_block, next_position, next_number,
        last_ms, latest_ms, back_block, epoch, stamp, states)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, next_block, next_position, next_number,
        last_ms, latest_ms, back_block, epoch, stamp, states)) virtual
) strict;

-- Changes that are merged into the tables later: one row for each commit that has some, in the order of the commits. A number is
-- never used again, so that a process can tell whether it has read a row. changes = for each, sorted: the kind of what it is about
-- (b a small block, c counters, i an order of the index, o the open orders of a block) and its key, then its value, or that there
-- is none; compressed. Row 0 has the number up to which rows are merged, as a varint; they are deleted later.
create table recent_changes (
    number integer primary key autoincrement,
    changes blob not null,
    row_checksum integer not null generated always as (checksum_of(number, changes)) stored,
    intact integer generated always as (row_checksum = checksum_of(number, changes)) virtual
) strict;

-- The journal: history and feed at once. id = organisation << 32 | number from 1, without gaps.
-- A block of batches holds their orders' texts: a large batch has blocks of its own, small ones of one transaction share one. A block
-- without batches is of moves. The small columns stand in front, so that they can be read without the large ones. batches =
-- for each its id, how many of the entries are its, and whether this is its first block, which stands for its being received.
create table blocks (
    id integer primary key,
    first_position integer not null,
    events integer not null,
    at_ms integer not null,
    -- The latest at_ms up to here: unlike that it never goes back.
    latest_ms integer not null,
    batches blob,
    dialect integer not null,
    key_id text,
    -- The epoch that it was written in: never lower than that of the block before it.
    epoch integer not null,
    -- All blocks of a transaction have its stamp. That of a later transaction of the organisation is greater.
    stamp integer not null,
    checksum integer not null,
    row_checksum integer not null generated always as (checksum_of(id, first_position, events, at_ms, latest_ms, batches, dialect, key_id,
        epoch, stamp, checksum, slots, indexes, emails, keys)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, first_position, events, at_ms, latest_ms, batches, dialect, key_id,
        epoch, stamp, checksum, slots, indexes, emails, keys)) virtual,
    slots blob not null,
    indexes blob not null,
    -- 8 bytes an entry, the hash of its e-mail address or 0; null where no entry has one.
    emails blob,
    keys blob,
    texts blob,
    organisation integer not null
) strict;

-- Small blocks, many to a row: consecutive ones of an organisation, from first to last, in place of rows in `blocks`. blocks, packed,
-- has each with all its columns, and which of its orders are open. Only the embedded store has them: its recent changes are merged
-- into the tables many at a time.
create table block_packs (
    first integer primary key,
    last integer not null,
    organisation integer not null,
    -- Whether an order of these blocks is open.
    has_open integer not null,
    blocks blob not null,
    row_checksum integer not null generated always as (checksum_of(first, last, organisation, has_open, blocks)) stored,
    intact integer generated always as (row_checksum = checksum_of(first, last, organisation, has_open, blocks)) virtual
) strict;

create index block_packs_open on block_packs (first) where has_open;

-- The index: a row for some neighbouring orders, in the order of their keys. first = the key from which on orders lie in it,
-- up to before that of the next; each organisation and dialect begins with rows of its own. A key is organisation "." dialect
-- "." order key, as one text, compared byte by byte; once the order key is released, a zero byte and the id stand behind it,
-- and another order may have the key. entries = how many orders. orders, packed, has each one's key, its id = the place of its
-- first revision (block id << 10 | ordinal), the place of the latest, its state, its number, the hash of its content, and
-- the place of its latest change that is no revision.
create table order_leaves (
    first blob primary key not null,
    organisation integer not null,
    entries integer not null,
    orders blob not null,
    row_checksum integer not null generated always as (checksum_of(first, organisation, entries, orders)) stored,
    intact integer generated always as (row_checksum = checksum_of(first, organisation, entries, orders)) virtual
) strict;

-- How far orders are fulfilled, as was last reported: JSON. id as above, place = that of the report in the journal.
create table fulfilments (
    organisation integer not null,
    id integer primary key,
    place integer not null,
    report text not null,
    row_checksum integer not null generated always as (checksum_of(organisation, id, place, report)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, id, place, report)) virtual
) strict;

-- The orders that are not final, by the block of their first revision: a bit for each ordinal, the lowest first.
create table open_orders (
    organisation integer not null,
    block integer primary key,
    dialect integer not null,
    ordinals blob not null,
    row_checksum integer not null generated always as (checksum_of(organisation, block, dialect, ordinals)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, block, dialect, ordinals)) virtual
) strict;

-- The index by e-mail address: sorted runs, each of some neighbouring blocks of one organisation, made behind the writer.
-- Whole runs cover blocks from the first one on, each block once; what is not whole is being made, or to be deleted.
-- Ids are never used again: a run that somebody else has deleted must not be taken for another one.
create table email_runs (
    id integer primary key autoincrement,
    organisation integer not null,
    first_block integer not null,
    last_block integer not null,
    tier integer not null,
    entries integer not null,
    is_whole integer not null,
    row_checksum integer not null generated always as (checksum_of(id, organisation, first_block, last_block, tier, entries,
        is_whole)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, organisation, first_block, last_block, tier, entries,
        is_whole)) virtual
) strict;

create index email_runs_by_block on email_runs (organisation, first_block);

-- The entries of a run, by hash and place: 8 bytes hash, 4 bytes number of the block, 2 bytes ordinal, each. A part begins
-- with the entry of this hash and place. Parts are long rows, which a table without rowid does not like.
create table email_parts (
    organisation integer not null,
    run integer not null,
    first_hash integer not null,
    first_place integer not null,
    entries blob not null,
    row_checksum integer not null generated always as (checksum_of(organisation, run, first_hash, first_place, entries)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, run, first_hash, first_place, entries)) virtual,
    primary key (run, first_hash, first_place)
) strict;

-- What is gone of organisations' journals: final orders whose latest change was before before_ms, the blocks before
-- first_block, the last of which had the stamp gone_stamp, and the events before feed_start.
create table purges (
    organisation integer primary key,
    before_ms integer not null,
    first_block integer not null,
    feed_start integer not null,
    gone_stamp integer not null,
    row_checksum integer not null generated always as (checksum_of(organisation, before_ms, first_block, feed_start, gone_stamp)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, before_ms, first_block, feed_start, gone_stamp)) virtual
) strict;

-- Orders of which a person is being erased, by ids as above: what was begun is finished by the next erasure.
create table erasures (
    organisation integer not null,
    id integer primary key,
    row_checksum integer not null generated always as (checksum_of(organisation, id)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, id)) virtual
) strict;

-- Receipts. shares: JSON, [organisation, number of the first block, how many blocks, [accepted, updated, unchanged,
-- rejected, withheld, orders with warnings]] each; the last number is absent where it is 0. organisation is 0 for orders of which
-- it is not known.
create table batches (
    id blob primary key,
    key_id text not null,
    dialect integer not null,
    operation text not null,
    received_at_ms integer not null,
    duration_ms integer not null,
    -- The import that it is a piece of.
    import blob,
    shares text not null,
    row_checksum integer not null generated always as (checksum_of(id, key_id, dialect, operation, received_at_ms, duration_ms,
        import, shares)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, key_id, dialect, operation, received_at_ms, duration_ms,
        import, shares)) virtual
) strict, without rowid;

-- How far imports are. state: 0 open, 1 complete, 2 cancelled.
create table imports (
    key_id text not null,
    id blob not null,
    organisation integer,
    dialect integer not null,
    state integer not null,
    lines integer not null,
    accepted integer not null,
    updated integer not null,
    unchanged integer not null,
    rejected integer not null,
    began_at_ms integer not null,
    changed_at_ms integer not null,
    active_ms integer not null,
    row_checksum integer not null generated always as (checksum_of(key_id, id, organisation, dialect, state, lines, accepted,
        updated, unchanged, rejected, began_at_ms, changed_at_ms, active_ms)) stored,
    intact integer generated always as (row_checksum = checksum_of(key_id, id, organisation, dialect, state, lines, accepted,
        updated, unchanged, rejected, began_at_ms, changed_at_ms, active_ms)) virtual,
    primary key (key_id, id)
) strict, without rowid;

-- The orders of a batch of which its receipt keeps something; organisation 0 where it is not known. kind: 0, all of a part are
-- rejected, with what is wrong; 1, all are withheld, without their texts; 2, all have warnings, whatever became of them. The indexes are those of its first and last order. The texts of those
-- that are rejected are taken out after some time.
create table rejections (
    id integer primary key,
    batch blob not null,
    organisation integer not null,
    part integer not null,
    kind integer not null,
    first_index integer not null,
    last_index integer not null,
    has_texts integer not null,
    head_checksum integer not null generated always as (checksum_of(id, batch, organisation, part, kind, first_index,
        last_index, has_texts)) stored,
    orders blob not null,
    row_checksum integer not null generated always as (checksum_of(id, batch, organisation, part, kind, first_index,
        last_index, has_texts, orders)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, batch, organisation, part, kind, first_index,
        last_index, has_texts, orders)) virtual,
    head_intact integer generated always as (head_checksum = checksum_of(id, batch, organisation, part, kind,
        first_index, last_index, has_texts)) virtual,
    unique (batch, organisation, part)
) strict;

-- Ids of batches begin with the time they were received at.
create index rejections_with_texts on rejections (batch) where has_texts;

-- Answers that are given again to a request that comes again under the same name. headers: JSON, [name, value] each; the
-- body is compressed, and null once the answer was erased. The batch is that of the request, if it was one, so that what
-- names a person can be found.
create table answers (
    id integer primary key,
    key_id text not null,
    idempotency_key text not null,
    fingerprint blob not null,
    kept_until_ms integer not null,
    batch blob,
    status integer not null,
    content_type text not null,
    headers text not null,
    body blob,
    row_checksum integer not null generated always as (checksum_of(id, key_id, idempotency_key, fingerprint, kept_until_ms,
        batch, status, content_type, headers, body)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, key_id, idempotency_key, fingerprint, kept_until_ms,
        batch, status, content_type, headers, body)) virtual,
    unique (key_id, idempotency_key)
) strict;

create index answers_by_end on answers (kept_until_ms);

-- What organisations sell. number stands for a product in the tables of stock. markets and pricelists: JSON arrays, null
-- where it is sold in all.
create table products (
    number integer primary key,
    organisation integer not null,
    id integer,
    sku text,
    ean text,
    active integer not null,
    warehouse text,
    price text,
    currency text,
    name text,
    markets text,
    pricelists text,
    row_checksum integer not null generated always as (checksum_of(number, organisation, id, sku, ean, active, warehouse,
        price, currency, name, markets, pricelists)) stored,
    intact integer generated always as (row_checksum = checksum_of(number, organisation, id, sku, ean, active, warehouse,
        price, currency, name, markets, pricelists)) virtual
) strict;

create index products_by_organisation on products (organisation);
create unique index products_by_id on products (organisation, id) where id is not null;
create unique index products_by_sku on products (organisation, sku) where sku is not null;
create unique index products_by_ean on products (organisation, ean) where ean is not null;

-- Pieces on hand as of the entry of the ledger that the settings name: for each product the sum of its changes up to there.
-- Apart from the products, so that many are on a page.
create table stock (
    organisation integer not null,
    product integer primary key,
    pieces integer not null,
    row_checksum integer not null generated always as (checksum_of(organisation, product, pieces)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, product, pieces)) virtual
) strict;

-- Every change of stock, never rewritten. cause: 0 loaded, 1 taken by orders, 2 given back by orders. place: the first of the
-- orders that did so in one transaction, null for loads. changes: the number of a product and by how many pieces its stock
-- changes, as varints, one pair after the other.
create table stock_ledger (
    id integer primary key,
    organisation integer not null,
    at_ms integer not null,
    cause integer not null,
    place integer,
    changes blob not null,
    row_checksum integer not null generated always as (checksum_of(id, organisation, at_ms, cause, place, changes)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, organisation, at_ms, cause, place, changes)) virtual
) strict;

-- Customers of organisations; email in its normal form.
create table customers (
    organisation integer not null,
    id integer not null,
    email text,
    first_name text,
    last_name text,
    wants_new_password integer not null,
    row_checksum integer not null generated always as (checksum_of(organisation, id, email, first_name, last_name,
        wants_new_password)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, id, email, first_name, last_name,
        wants_new_password)) virtual,
    primary key (organisation, id)
) strict, without rowid;

create unique index customers_by_email on customers (organisation, email) where email is not null;

-- The highest number that a customer has had who is there no more, and that no other gets.
create table customer_numbers (
    organisation integer primary key,
    last integer not null,
    row_checksum integer not null generated always as (checksum_of(organisation, last)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, last)) virtual
) strict;

-- What was decided on orders when they were held against an enforced catalogue: for the orders of a block that were, packed.
create table admissions (
    organisation integer not null,
    block integer primary key,
    orders blob not null,
    row_checksum integer not null generated always as (checksum_of(organisation, block, orders)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, block, orders)) virtual
) strict;

-- A copy of another store into this one that is not finished: from where, how many rows of it are here, and the digest of
-- them. No row where a store is whole.
create table copying (
    source text not null,
    copied integer not null,
    digest blob not null
) strict;
