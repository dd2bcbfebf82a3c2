-- Requests that make something new and may be sent again: the same key gives the same answer for a day.
CREATE TABLE idempotency_keys (
    -- Who asked.
    user_id TEXT NOT NULL REFERENCES users (id),
    -- SHA-256 of the key, in hex.
    key_hash TEXT NOT NULL,
    -- SHA-256 of method, address and body, sealed: a body may hold a password that could be guessed from it.
    request_sealed BYTEA NOT NULL,
    -- HTTP status of the answer; NULL while the first request is worked on.
    status BIGINT,
    -- The answer.
    body TEXT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, key_hash)
);

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_ms);
