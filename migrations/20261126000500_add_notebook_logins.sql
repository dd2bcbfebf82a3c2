-- Ways into a worker's notebook: links that work once, and the browsers that have used one.
CREATE TABLE notebook_logins (
    -- SHA-256 of the value in the link or in the browser's cookie, in hex.
    hash TEXT NOT NULL PRIMARY KEY,
    -- `link` or `browser`.
    kind TEXT NOT NULL,
    -- The worker.
    worker_id TEXT NOT NULL REFERENCES workers (id) ON DELETE CASCADE,
    -- Whose rights it has; they are looked at with each request.
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- 1 = the notebook is to be dark.
    dark BIGINT NOT NULL,
    -- End, milliseconds since 1970.
    expires_ms BIGINT NOT NULL
);

CREATE INDEX notebook_logins_expires ON notebook_logins (expires_ms);
CREATE INDEX notebook_logins_user ON notebook_logins (user_id);
