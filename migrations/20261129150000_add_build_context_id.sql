-- The uploaded context that a build was made from; empty = a folder of the build folder.
ALTER TABLE builds ADD COLUMN context_id TEXT NOT NULL DEFAULT '';
