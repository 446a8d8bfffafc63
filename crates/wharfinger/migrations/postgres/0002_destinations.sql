-- The tables of destinations, as the embedded store has them.

-- Destinations: where events are carried to. id: a UUID. organisations and kinds: JSON arrays; null means all. form: how orders are
-- rendered; null where they are left out. delivery_order: key or all. settings: a JSON object, the kind and what it needs. secrets: a
-- JSON array, the newest first. state: active, paused or disabled. Events up to begins, a cursor of the feed, and those before
-- begins_ms are not of the destination. version grows with each change, replays with each replay.
create table destinations (
    id bytea primary key,
    created_by text not null,
    created_at_ms bigint not null,
    organisations text,
    kinds text,
    form text,
    delivery_order text not null,
    max_events bigint not null,
    max_wait_ms bigint not null,
    parallel bigint not null,
    timeout_s bigint not null,
    settings text not null,
    secrets text not null,
    state text not null,
    state_since_ms bigint not null,
    reason text,
    begins bytea,
    begins_ms bigint,
    version bigint not null,
    replays bigint not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(id, created_by, created_at_ms, organisations,
        kinds, form, delivery_order, max_events, max_wait_ms, parallel, timeout_s, settings, secrets, state, state_since_ms,
        reason, begins, begins_ms, version, replays), 0)) stored
);

-- How far destinations are, apart from their definitions, because it changes all the time. Everything up to cursor was delivered or
-- is parked; null is the beginning of the feed. done = what was delivered or is parked behind it, packed. Only the server that holds
-- the lease delivers: its random name, until when, the version of the definition that it works by. lease_number grows whenever
-- reports of the holder before must count no more.
create table destination_progress (
    id bytea primary key,
    cursor bytea,
    done bytea not null,
    delivered bigint not null,
    delivered_at_ms bigint,
    failing_since_ms bigint,
    lease_owner text,
    lease_until_ms bigint not null,
    lease_number bigint not null,
    lease_version bigint not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(id, cursor, done, delivered, delivered_at_ms,
        failing_since_ms, lease_owner, lease_until_ms, lease_number, lease_version), 0)) stored
);

-- Order keys whose events wait because the destination has not taken one of them. lane_key: a hash of the key. label: the key, or a
-- batch. positions = of the events in the feed of the organisation, packed. next_at_ms: null if only a replay delivers them.
create table parked_orders (
    destination bytea not null,
    organisation bigint not null,
    lane_key bigint not null,
    label text not null,
    positions bytea not null,
    attempts bigint not null,
    next_at_ms bigint,
    last_error text not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(destination, organisation, lane_key, label,
        positions, attempts, next_at_ms, last_error), 0)) stored,
    primary key (destination, organisation, lane_key)
);

-- Attempts to deliver: the latest ones of each destination that failed, and a few that did not. organisation, position: of the first
-- event. answer: the beginning of what the receiver answered, or what went wrong.
create table delivery_attempts (
    destination bytea not null,
    number bigint not null,
    is_delivered smallint not null,
    at_ms bigint not null,
    webhook_id text not null,
    organisation bigint not null,
    position bigint not null,
    events bigint not null,
    attempt bigint not null,
    result text not null,
    status bigint,
    took_ms bigint not null,
    answer text not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(destination, number, is_delivered, at_ms,
        webhook_id, organisation, position, events, attempt, result, status, took_ms, answer), 0)) stored,
    primary key (destination, number)
);
