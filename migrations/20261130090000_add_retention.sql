-- Retention: what is kept for ever, and what was deleted.
-- 1 = pinned: neither the build nor its log is ever deleted.
ALTER TABLE builds ADD COLUMN pinned BIGINT NOT NULL DEFAULT 0;
-- When its log was deleted, milliseconds since 1970; NULL = it was not.
ALTER TABLE builds ADD COLUMN log_deleted_ms BIGINT;

-- What may be deleted when it is old.
CREATE INDEX builds_ended ON builds (number) WHERE pinned = 0 AND status NOT IN ('Pending', 'Running', 'Canceling');
CREATE INDEX workers_ended ON workers (ended_ms) WHERE status = 'Terminated';
CREATE INDEX audit_log_at ON audit_log (at_ms);
CREATE INDEX api_tokens_expires ON api_tokens (expires_ms) WHERE expires_ms IS NOT NULL;
