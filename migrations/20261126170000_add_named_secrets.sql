-- Secrets that workers get as environment variables: a user's own, or shared ones.
CREATE TABLE named_secrets (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- The environment variable; never changes.
    name TEXT NOT NULL,
    -- Whose it is; NULL = shared, then the grants say who may use it.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- The value, sealed together with id, name and owner.
    value_sealed BYTEA NOT NULL,
    -- Last use for a worker, milliseconds since 1970.
    last_used_ms BIGINT,
    -- 1, 2, 3 … with each change; a change names the revision it was made from.
    revision BIGINT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL,
    -- Last change, milliseconds since 1970.
    updated_ms BIGINT NOT NULL
);

-- A name is one secret of a user, and one shared secret.
CREATE UNIQUE INDEX named_secrets_personal ON named_secrets (user_id, name) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX named_secrets_shared ON named_secrets (name) WHERE user_id IS NULL;

-- Who may use a shared secret.
CREATE TABLE named_secret_grants (
    -- The secret.
    named_secret_id TEXT NOT NULL REFERENCES named_secrets (id) ON DELETE CASCADE,
    -- Place in the admin's list.
    position BIGINT NOT NULL,
    -- The user, or
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- the group: exactly one of them.
    group_id TEXT REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (named_secret_id, position),
    CHECK ((user_id IS NULL) <> (group_id IS NULL))
);

-- No grant twice; also for the removal of a user or a group.
CREATE UNIQUE INDEX named_secret_grants_user ON named_secret_grants (user_id, named_secret_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX named_secret_grants_group ON named_secret_grants (group_id, named_secret_id) WHERE group_id IS NOT NULL;

-- Names of the owner's own secrets that the worker was started with: JSON array.
ALTER TABLE workers ADD COLUMN personal_secrets TEXT NOT NULL DEFAULT '[]';
-- The same of shared secrets.
ALTER TABLE workers ADD COLUMN shared_secrets TEXT NOT NULL DEFAULT '[]';
-- Parameters for the programs in it: JSON object.
ALTER TABLE workers ADD COLUMN additional_params TEXT NOT NULL DEFAULT '{}';
