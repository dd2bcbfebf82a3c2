-- Security contexts that admins make. Default, Restricted and Privileged are built in and have no row.
CREATE TABLE security_contexts (
    -- What sizes name; never changes.
    name TEXT NOT NULL PRIMARY KEY,
    -- For people.
    description TEXT NOT NULL,
    -- What it says: JSON of `SecurityRights`.
    rights TEXT NOT NULL,
    -- 1, 2, 3 … with each change.
    revision BIGINT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL,
    -- Last change, milliseconds since 1970.
    updated_ms BIGINT NOT NULL
);

-- The kind of GPU; empty = any.
ALTER TABLE worker_sizes ADD COLUMN gpu_type TEXT NOT NULL DEFAULT '';
-- Labels of nodes: JSON object of text.
ALTER TABLE worker_sizes ADD COLUMN node_selector TEXT NOT NULL DEFAULT '{}';
-- 1, 2, 3 … with each change.
ALTER TABLE worker_sizes ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
-- Last change, milliseconds since 1970; 0 = before changes were kept.
ALTER TABLE worker_sizes ADD COLUMN updated_ms BIGINT NOT NULL DEFAULT 0;

-- The size that a worker was started on; unset for those from before, which are found by the size's name.
ALTER TABLE workers ADD COLUMN size_id TEXT;
-- What the security context said at the start: JSON of `SecurityRights`; unset = what the built-in one of that name says.
ALTER TABLE workers ADD COLUMN rights TEXT;
