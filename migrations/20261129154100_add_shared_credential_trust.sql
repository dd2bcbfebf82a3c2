-- Whether a builder of this image gets the credentials and secrets that others share with its user: 0 or 1. It can read them.
ALTER TABLE container_images ADD COLUMN trusted_with_credentials BIGINT NOT NULL DEFAULT 0;

-- Who gave the password, and so knows it; NULL = from before this was recorded.
ALTER TABLE registry_credentials ADD COLUMN stored_by TEXT REFERENCES users (id) ON DELETE SET NULL;

-- For the removal of a user.
CREATE INDEX registry_credentials_stored_by ON registry_credentials (stored_by) WHERE stored_by IS NOT NULL;
