-- Builds with a snapshot of their inputs.
CREATE TABLE builds (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- The number in `#12`.
    number BIGINT NOT NULL,
    -- The builder worker.
    worker_id TEXT NOT NULL REFERENCES workers (id),
    -- Who started it.
    owner_id TEXT NOT NULL REFERENCES users (id),
    -- `console`, `api`, `cli`, `sdk` or `system`.
    door TEXT NOT NULL,
    -- Image name without tag.
    name TEXT NOT NULL,
    -- Tag.
    tag TEXT NOT NULL,
    -- 1 = pushed when built.
    push_image BIGINT NOT NULL,
    -- Values for ARG: JSON object.
    build_args TEXT NOT NULL,
    -- Registry logins without passwords: JSON array of host and user name.
    credentials TEXT NOT NULL,
    -- The logins with passwords, sealed; NULL once the build has ended.
    credentials_sealed BYTEA,
    -- 1 = push over HTTP or unverified TLS.
    insecure_registry BIGINT NOT NULL,
    -- 1 = without using the cache.
    no_cache BIGINT NOT NULL,
    -- Context relative to the build folder.
    context TEXT NOT NULL,
    -- Dockerfile relative to the context.
    dockerfile TEXT NOT NULL,
    -- The Dockerfile's text at the start.
    dockerfile_text TEXT NOT NULL,
    -- `Pending`, `Running`, `Succeeded`, `Failed` or `Canceled`.
    status TEXT NOT NULL,
    -- Why it failed, in one word.
    reason TEXT,
    -- In plain words.
    message TEXT NOT NULL,
    -- The step that failed.
    step TEXT,
    -- Digest of the result.
    digest TEXT,
    -- Number of the build whose inputs these are.
    rerun_of BIGINT,
    -- 1 = somebody asked for its end.
    cancel_requested BIGINT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL,
    -- Start in the builder, milliseconds since 1970.
    started_ms BIGINT,
    -- End, milliseconds since 1970.
    ended_ms BIGINT,
    -- Steps seen; written at the end.
    steps BIGINT NOT NULL,
    -- Cached steps; written at the end.
    steps_cached BIGINT NOT NULL,
    -- Log lines; written at the end.
    lines BIGINT NOT NULL
);

CREATE UNIQUE INDEX builds_number ON builds (number);
CREATE INDEX builds_owner ON builds (owner_id, number);
CREATE INDEX builds_worker ON builds (worker_id, number);
CREATE INDEX builds_status ON builds (status, number);

-- One build at a time in a worker, whoever asks; also the way to the few that are not final.
CREATE UNIQUE INDEX builds_active ON builds (worker_id) WHERE status IN ('Pending', 'Running');
