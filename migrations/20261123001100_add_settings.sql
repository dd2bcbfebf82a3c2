-- Single values of the installation.
CREATE TABLE settings (
    -- Key.
    name TEXT NOT NULL PRIMARY KEY,
    -- Value.
    value TEXT NOT NULL
);
