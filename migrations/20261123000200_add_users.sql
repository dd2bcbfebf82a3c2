-- People and robots that can log in.
CREATE TABLE users (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- Login name.
    username TEXT NOT NULL,
    -- argon2id, in PHC format.
    password_hash TEXT NOT NULL,
    -- `admin` or `user`.
    role TEXT NOT NULL,
    -- Creation, milliseconds since 1970.
    created_ms BIGINT NOT NULL
);

CREATE UNIQUE INDEX users_username ON users (username);
