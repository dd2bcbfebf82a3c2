-- A build that is being canceled still occupies its builder: it may push until the builder confirms the end.
DROP INDEX builds_active;
CREATE UNIQUE INDEX builds_active ON builds (worker_id) WHERE status IN ('Pending', 'Running', 'Canceling');
