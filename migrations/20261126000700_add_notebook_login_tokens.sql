-- A way into a notebook that was opened with an API token ends with it.
ALTER TABLE notebook_logins ADD COLUMN token_id TEXT REFERENCES api_tokens (id) ON DELETE CASCADE;
