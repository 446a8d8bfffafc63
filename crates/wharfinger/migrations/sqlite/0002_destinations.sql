-- Destinations: where events are carried to. id: a UUID. organisations and kinds: JSON arrays; null means all. form: how orders are
-- rendered; null where they are left out. delivery_order: key or all. settings: a JSON object, the kind and what it needs. secrets: a
-- JSON array, the newest first. state: active, paused or disabled. Events up to begins, a cursor of the feed, and those before
-- begins_ms are not of the destination. version grows with each change, replays with each replay.
create table destinations (
    id blob primary key,
    created_by text not null,
    created_at_ms integer not null,
    organisations text,
    kinds text,
    form text,
    delivery_order text not null,
    max_events integer not null,
    max_wait_ms integer not null,
    parallel integer not null,
    timeout_s integer not null,
    settings text not null,
    secrets text not null,
    state text not null,
    state_since_ms integer not null,
    reason text,
    begins blob,
    begins_ms integer,
    version integer not null,
    replays integer not null,
    row_checksum integer not null generated always as (checksum_of(id, created_by, created_at_ms, organisations, kinds, form,
        delivery_order, max_events, max_wait_ms, parallel, timeout_s, settings, secrets, state, state_since_ms, reason, begins,
        begins_ms, version, replays)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, created_by, created_at_ms, organisations, kinds, form,
        delivery_order, max_events, max_wait_ms, parallel, timeout_s, settings, secrets, state, state_since_ms, reason, begins,
        begins_ms, version, replays)) virtual
) strict, without rowid;

-- How far destinations are, apart from their definitions, because it changes all the time. Everything up to cursor was delivered or
-- is parked; null is the beginning of the feed. done = what was delivered or is parked behind it, packed. Only the server that holds
-- the lease delivers: its random name, until when, the version of the definition that it works by. lease_number grows whenever
-- reports of the holder before must count no more.
create table destination_progress (
    id blob primary key,
    cursor blob,
    done blob not null,
    delivered integer not null,
    delivered_at_ms integer,
    failing_since_ms integer,
    lease_owner text,
    lease_until_ms integer not null,
    lease_number integer not null,
    lease_version integer not null,
    row_checksum integer not null generated always as (checksum_of(id, cursor, done, delivered, delivered_at_ms,
        failing_since_ms, lease_owner, lease_until_ms, lease_number, lease_version)) stored,
    intact integer generated always as (row_checksum = checksum_of(id, cursor, done, delivered, delivered_at_ms,
        failing_since_ms, lease_owner, lease_until_ms, lease_number, lease_version)) virtual
) strict, without rowid;

-- Order keys whose events wait because the destination has not taken one of them. lane_key: a hash of the key. label: the key, or a
-- batch. positions = of the events in the feed of the organisation, packed. next_at_ms: null if only a replay delivers them.
create table parked_orders (
    destination blob not null,
    organisation integer not null,
    lane_key integer not null,
    label text not null,
    positions blob not null,
    attempts integer not null,
    next_at_ms integer,
    last_error text not null,
    row_checksum integer not null generated always as (checksum_of(destination, organisation, lane_key, label, positions,
        attempts, next_at_ms, last_error)) stored,
    intact integer generated always as (row_checksum = checksum_of(destination, organisation, lane_key, label, positions,
        attempts, next_at_ms, last_error)) virtual,
    primary key (destination, organisation, lane_key)
) strict, without rowid;

-- Attempts to deliver: the latest ones of each destination that failed, and a few that did not. organisation, position: of the first
-- event. answer: the beginning of what the receiver answered, or what went wrong.
create table delivery_attempts (
    destination blob not null,
    number integer not null,
    is_delivered integer not null,
    at_ms integer not null,
    webhook_id text not null,
    organisation integer not null,
    position integer not null,
    events integer not null,
    attempt integer not null,
    result text not null,
    status integer,
    took_ms integer not null,
    answer text not null,
    row_checksum integer not null generated always as (checksum_of(destination, number, is_delivered, at_ms, webhook_id,
        organisation, position, events, attempt, result, status, took_ms, answer)) stored,
    intact integer generated always as (row_checksum = checksum_of(destination, number, is_delivered, at_ms, webhook_id,
        organisation, position, events, attempt, result, status, took_ms, answer)) virtual,
    primary key (destination, number)
) strict, without rowid;
