-- Configurations of build services, of workers whose build service somebody has configured.
CREATE TABLE worker_build_configs (
    -- The worker.
    worker_id TEXT NOT NULL PRIMARY KEY REFERENCES workers (id) ON DELETE CASCADE,
    -- `active`, `waiting`, `applying` or `failed`.
    state TEXT NOT NULL,
    -- Why the latest change failed, or what it waits for.
    message TEXT NOT NULL,
    -- What the service runs with: JSON of mode, insecure_registries, config_content and text.
    active TEXT NOT NULL,
    -- What it is to run with, while it changes: JSON likewise.
    pending TEXT,
    -- What is said of the latest text: JSON array.
    findings TEXT NOT NULL,
    -- 1, 2, 3 … with each change.
    revision BIGINT NOT NULL,
    -- When the latest change was asked for, milliseconds since 1970.
    updated_ms BIGINT NOT NULL,
    -- Login name of who asked. Text, not a reference: the row outlives the user.
    updated_by TEXT NOT NULL
);

-- The few that are being changed.
CREATE INDEX worker_build_configs_changing ON worker_build_configs (worker_id) WHERE state IN ('waiting', 'applying');
