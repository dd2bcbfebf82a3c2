-- Numbers that people use (`Worker-12`, build `#12`). A counter survives the removal of rows, so that no number is given twice.
CREATE TABLE counters (
    -- What is counted: `workers` or `builds`.
    name TEXT NOT NULL PRIMARY KEY,
    -- The last number given; 0 = none yet.
    value BIGINT NOT NULL
);

INSERT INTO counters (name, value) VALUES ('workers', 0), ('builds', 0);
