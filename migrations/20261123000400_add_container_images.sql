-- Container Image rules: which images exist for whom.
CREATE TABLE container_images (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- Exact name, `*` or a regular expression, as the admin wrote it.
    image TEXT NOT NULL,
    -- `cloud_worker` or `workspace`.
    service_type TEXT NOT NULL,
    -- Name for people.
    name TEXT NOT NULL,
    -- Description.
    description TEXT NOT NULL,
    -- Default version; empty = the platform's.
    version TEXT NOT NULL,
    -- Lowest version that may start; empty = any.
    minimum_version TEXT NOT NULL,
    -- Version to take; empty = none.
    recommended_version TEXT NOT NULL,
    -- `Always`, `IfNotPresent` or `Never`; NULL = the deployment's default.
    pull_policy TEXT,
    -- Registry user name; empty = none.
    repo_username TEXT NOT NULL,
    -- Registry password, sealed.
    repo_password_sealed BYTEA,
    -- Shell commands before the image's own start command.
    startup_script TEXT NOT NULL,
    -- Larger first.
    sort_order BIGINT NOT NULL,
    -- 1, 2, 3 … with each change; a change names the revision it was made from.
    revision BIGINT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL,
    -- Last change, milliseconds since 1970.
    updated_ms BIGINT NOT NULL
);

CREATE INDEX container_images_order ON container_images (sort_order, created_ms, id);

-- Who may use a rule.
CREATE TABLE container_image_grants (
    -- The rule.
    container_image_id TEXT NOT NULL REFERENCES container_images (id) ON DELETE CASCADE,
    -- Place in the admin's list.
    position BIGINT NOT NULL,
    -- The user, or
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- the group: exactly one of them.
    group_id TEXT REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (container_image_id, position),
    CHECK ((user_id IS NULL) <> (group_id IS NULL))
);

-- No grant twice; also for the removal of a user or a group.
CREATE UNIQUE INDEX container_image_grants_user ON container_image_grants (user_id, container_image_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX container_image_grants_group ON container_image_grants (group_id, container_image_id) WHERE group_id IS NOT NULL;
