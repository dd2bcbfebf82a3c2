-- What `docker build` would be told besides: further tags, target, platforms, labels and the like, as a JSON object; of secrets only the ids.
ALTER TABLE builds ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
