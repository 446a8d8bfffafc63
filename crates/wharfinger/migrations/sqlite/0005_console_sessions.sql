-- Sessions of the console. Only the browser has the token. secret_sha256: of the key's secret when the session began; the session
-- ends when the key has another one.
create table console_sessions (
    token_sha256 blob primary key,
    key_id text not null,
    secret_sha256 blob not null,
    created_at_ms integer not null,
    expires_at_ms integer not null,
    row_checksum integer not null generated always as (checksum_of(token_sha256, key_id, secret_sha256, created_at_ms,
        expires_at_ms)) stored,
    intact integer generated always as (row_checksum = checksum_of(token_sha256, key_id, secret_sha256, created_at_ms,
        expires_at_ms)) virtual
) strict, without rowid;

create index console_sessions_by_key on console_sessions (key_id, created_at_ms);
create index console_sessions_by_end on console_sessions (expires_at_ms);
