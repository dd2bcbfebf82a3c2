-- Groups of users.
CREATE TABLE groups (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- Name.
    name TEXT NOT NULL,
    -- 1 = means all users and has no rows in group_members.
    everyone BIGINT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL
);

CREATE UNIQUE INDEX groups_name ON groups (name);

-- Two groups that mean all users would be told apart by nobody.
CREATE UNIQUE INDEX groups_everyone ON groups (everyone) WHERE everyone = 1;

-- Who is in which group.
CREATE TABLE group_members (
    -- The group.
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    -- The user.
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);

-- For the groups of a user.
CREATE INDEX group_members_user ON group_members (user_id);
