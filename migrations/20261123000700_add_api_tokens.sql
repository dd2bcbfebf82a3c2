-- API tokens. The value itself is nowhere.
CREATE TABLE api_tokens (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- Whose rights it has.
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- What it is for, in the owner's words.
    name TEXT NOT NULL,
    -- SHA-256 of the value, in hex.
    hash TEXT NOT NULL,
    -- First characters of the value, to tell tokens apart.
    prefix TEXT NOT NULL,
    -- The worker it is limited to. Checked at the end of the transaction: token and worker are made together, in either order.
    worker_id TEXT REFERENCES workers (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL,
    -- End, milliseconds since 1970; NULL = none.
    expires_ms BIGINT,
    -- Last use, milliseconds since 1970.
    last_used_ms BIGINT
);

CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (hash);
CREATE INDEX api_tokens_user ON api_tokens (user_id, created_ms, id) WHERE worker_id IS NULL;
CREATE INDEX api_tokens_worker ON api_tokens (worker_id) WHERE worker_id IS NOT NULL;
