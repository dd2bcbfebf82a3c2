-- Worker sizes. Gross is what a size reserves, net is what its containers get together.
CREATE TABLE worker_sizes (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- Name.
    name TEXT NOT NULL,
    -- Gross CPU in thousandths of a core.
    cpu_millis BIGINT NOT NULL,
    -- Net CPU in thousandths of a core.
    cpu_net_millis BIGINT NOT NULL,
    -- Gross memory in mebibytes.
    memory_mib BIGINT NOT NULL,
    -- Net memory in mebibytes.
    memory_net_mib BIGINT NOT NULL,
    -- Whole GPUs.
    gpus BIGINT NOT NULL,
    -- Video memory in gibibytes.
    gpu_vram_gib BIGINT NOT NULL,
    -- `Default`, `Restricted` or `Privileged`.
    security_context TEXT NOT NULL,
    -- 1 = taken when a request names none.
    is_default BIGINT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL
);

CREATE UNIQUE INDEX worker_sizes_name ON worker_sizes (name);

-- Who may use a size.
CREATE TABLE worker_size_grants (
    -- The size.
    worker_size_id TEXT NOT NULL REFERENCES worker_sizes (id) ON DELETE CASCADE,
    -- Place in the admin's list.
    position BIGINT NOT NULL,
    -- The user, or
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- the group: exactly one of them.
    group_id TEXT REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (worker_size_id, position),
    CHECK ((user_id IS NULL) <> (group_id IS NULL))
);

-- No grant twice; also for the removal of a user or a group.
CREATE UNIQUE INDEX worker_size_grants_user ON worker_size_grants (user_id, worker_size_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX worker_size_grants_group ON worker_size_grants (group_id, worker_size_id) WHERE group_id IS NOT NULL;
