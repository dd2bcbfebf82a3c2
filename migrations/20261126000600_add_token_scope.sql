-- What a token may be used for: full, build, build_and_start.
ALTER TABLE api_tokens ADD COLUMN scope TEXT NOT NULL DEFAULT 'full';

-- Workers that a token for builds has started and so may end.
CREATE TABLE token_workers (
    -- The token.
    token_id TEXT NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    -- The worker. Checked at the end of the transaction: both rows are made in one.
    worker_id TEXT NOT NULL REFERENCES workers (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (token_id, worker_id)
);

CREATE INDEX token_workers_worker ON token_workers (worker_id);
