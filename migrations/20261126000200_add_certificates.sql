-- Private certificates for builders: at most one row, the bundle and its switch.
CREATE TABLE certificate_bundle (
    -- Always `bundle`.
    name TEXT NOT NULL PRIMARY KEY,
    -- 1 = builders that start get it.
    inject BIGINT NOT NULL,
    -- The certificates, PEM, as builders get them; empty = none.
    pem TEXT NOT NULL,
    -- 1, 2, 3 … with each change.
    revision BIGINT NOT NULL,
    -- Last change, milliseconds since 1970.
    updated_ms BIGINT NOT NULL,
    -- Login name of who made it.
    updated_by TEXT NOT NULL
);

-- Which bundle a worker's builder was started with; no row = none.
CREATE TABLE worker_certificates (
    -- The worker.
    worker_id TEXT NOT NULL PRIMARY KEY REFERENCES workers (id) ON DELETE CASCADE,
    -- SHA-256 of the bundle, in hex.
    fingerprint TEXT NOT NULL,
    -- Whose certificates these are: JSON array of text.
    subjects TEXT NOT NULL,
    -- 1 = they were installed into the builder's trust store, too.
    trusted BIGINT NOT NULL
);
