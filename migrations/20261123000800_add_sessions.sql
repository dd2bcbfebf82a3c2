-- Browser sessions.
CREATE TABLE sessions (
    -- As the session layer made it.
    id TEXT NOT NULL PRIMARY KEY,
    -- The session layer's own.
    data TEXT NOT NULL,
    -- End, milliseconds since 1970.
    expires_ms BIGINT NOT NULL
);

CREATE INDEX sessions_expires ON sessions (expires_ms);
