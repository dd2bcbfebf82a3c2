-- Who did what to what. Rows are only added.
CREATE TABLE audit_log (
    -- UUIDv7; its order is the order of events.
    id TEXT NOT NULL PRIMARY KEY,
    -- When, milliseconds since 1970.
    at_ms BIGINT NOT NULL,
    -- Login name, or `system`. Text, not a reference: the row outlives the user.
    actor TEXT NOT NULL,
    -- `console`, `api`, `cli`, `sdk` or `system`.
    door TEXT NOT NULL,
    -- The client's address.
    address TEXT NOT NULL,
    -- What, e.g. `worker.create`.
    action TEXT NOT NULL,
    -- On what, e.g. `Worker-12`.
    object TEXT NOT NULL,
    -- `done` or `refused`.
    outcome TEXT NOT NULL,
    -- JSON: the reason of a refusal, or before and after of a change.
    details TEXT NOT NULL
);
