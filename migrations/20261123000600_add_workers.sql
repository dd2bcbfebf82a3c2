-- Workers, also ended ones. What a size or a rule said at the start is copied: later changes of them do not reach a worker.
CREATE TABLE workers (
    -- UUIDv7; also the name of its engine objects.
    id TEXT NOT NULL PRIMARY KEY,
    -- The number in `Worker-12`.
    number BIGINT NOT NULL,
    -- Owner.
    owner_id TEXT NOT NULL REFERENCES users (id),
    -- Image reference as resolved at the start.
    image TEXT NOT NULL,
    -- Digest that was checked and started.
    image_digest TEXT,
    -- Size name at the start.
    size TEXT NOT NULL,
    -- Net CPU in thousandths of a core.
    cpu_millis BIGINT NOT NULL,
    -- Net memory in mebibytes.
    memory_mib BIGINT NOT NULL,
    -- Whole GPUs.
    gpus BIGINT NOT NULL,
    -- `Default`, `Restricted` or `Privileged`.
    security_context TEXT NOT NULL,
    -- 1 = it has a builder.
    builder BIGINT NOT NULL,
    -- Builder's share in percent.
    builder_capacity BIGINT,
    -- Containers as planned: JSON array of role, image and limits.
    planned TEXT NOT NULL,
    -- `Provisioning`, `Running`, `Terminating`, `Terminated` or `Failed`.
    status TEXT NOT NULL,
    -- Why it failed, in one word.
    reason TEXT,
    -- In plain words.
    message TEXT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL,
    -- First answer, milliseconds since 1970.
    ready_ms BIGINT,
    -- End, milliseconds since 1970.
    ended_ms BIGINT,
    -- Why it was terminated, in the asker's words.
    stop_reason TEXT
);

CREATE UNIQUE INDEX workers_number ON workers (number);
CREATE INDEX workers_owner ON workers (owner_id, number);

-- The few that hold resources of the engine, among all that ever were.
CREATE INDEX workers_live ON workers (number) WHERE status <> 'Terminated';

-- What happened to a worker.
CREATE TABLE worker_events (
    -- The worker.
    worker_id TEXT NOT NULL REFERENCES workers (id) ON DELETE CASCADE,
    -- 1, 2, 3 … within the worker; times may be equal.
    seq BIGINT NOT NULL,
    -- When, milliseconds since 1970.
    at_ms BIGINT NOT NULL,
    -- `console`, `primary` or `builder`.
    source TEXT NOT NULL,
    -- What, e.g. `Pulling`.
    kind TEXT NOT NULL,
    -- In plain words.
    message TEXT NOT NULL,
    PRIMARY KEY (worker_id, seq)
);
