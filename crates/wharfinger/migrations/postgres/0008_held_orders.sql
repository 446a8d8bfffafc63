-- The rules of organisations that hold orders for a person: a JSON array. An organisation without rules has no row.
create table rules (
    organisation bigint not null primary key,
    rules text not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(organisation, rules), 0)) stored
);

-- Why an order was held, and what was noted when it was released or refused: JSON. place = that of the entry in the journal.
create table holds (
    organisation bigint not null,
    place bigint not null,
    about text not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(organisation, place, about), 0)) stored,
    primary key (place, organisation)
);
