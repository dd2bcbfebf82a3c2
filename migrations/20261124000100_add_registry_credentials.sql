-- Kept registry credentials, picked by name.
CREATE TABLE registry_credentials (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- What it is picked by.
    name TEXT NOT NULL,
    -- `host` or `host:port`, in lower case; the only registry that it is sent to.
    host TEXT NOT NULL,
    -- User or robot name.
    username TEXT NOT NULL,
    -- Password or token, sealed together with the host.
    password_sealed BYTEA NOT NULL,
    -- The user who may use it, or
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- the group: exactly one of them. Everyone is a group.
    group_id TEXT REFERENCES groups (id) ON DELETE CASCADE,
    -- End, milliseconds since 1970; NULL = none.
    expires_ms BIGINT,
    -- Last use for a worker or a build, milliseconds since 1970.
    last_used_ms BIGINT,
    -- 1, 2, 3 … with each change; a change names the revision it was made from.
    revision BIGINT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL,
    -- Last change, milliseconds since 1970.
    updated_ms BIGINT NOT NULL,
    CHECK ((user_id IS NULL) <> (group_id IS NULL))
);

CREATE UNIQUE INDEX registry_credentials_name ON registry_credentials (name);

-- For the removal of a user or a group.
CREATE INDEX registry_credentials_user ON registry_credentials (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX registry_credentials_group ON registry_credentials (group_id) WHERE group_id IS NOT NULL;

-- The kept credential for the pulls of a rule, instead of repo_username and its password; NULL = none. It cannot be removed meanwhile.
ALTER TABLE container_images ADD COLUMN repo_credential_id TEXT REFERENCES registry_credentials (id);

CREATE INDEX container_images_repo_credential ON container_images (repo_credential_id) WHERE repo_credential_id IS NOT NULL;
