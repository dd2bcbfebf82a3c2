-- Further arguments for a build's command, as typed.
ALTER TABLE builds ADD COLUMN additional_build_params TEXT NOT NULL DEFAULT '';
-- A command in the place of the console's own, as typed.
ALTER TABLE builds ADD COLUMN custom_build_command TEXT NOT NULL DEFAULT '';
