-- The rules of organisations that hold orders for a person: a JSON array. An organisation without rules has no row.
create table rules (
    organisation integer primary key,
    rules text not null,
    row_checksum integer not null generated always as (checksum_of(organisation, rules)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, rules)) virtual
) strict;

-- Why an order was held, and what was noted when it was released or refused: JSON. place = that of the entry in the journal.
create table holds (
    organisation integer not null,
    place integer primary key,
    about text not null,
    row_checksum integer not null generated always as (checksum_of(organisation, place, about)) stored,
    intact integer generated always as (row_checksum = checksum_of(organisation, place, about)) virtual
) strict;
