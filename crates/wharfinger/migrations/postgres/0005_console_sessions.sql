-- Sessions of the console. Only the browser has the token. secret_sha256: of the key's secret when the session began; the session
-- ends when the key has another one.
create table console_sessions (
    token_sha256 bytea primary key,
    key_id text not null,
    secret_sha256 bytea not null,
    created_at_ms bigint not null,
    expires_at_ms bigint not null,
    row_checksum bigint not null generated always as (hash_record_extended(row(token_sha256, key_id, secret_sha256,
        created_at_ms, expires_at_ms), 0)) stored
);

create index console_sessions_by_key on console_sessions (key_id, created_at_ms);
create index console_sessions_by_end on console_sessions (expires_at_ms);
