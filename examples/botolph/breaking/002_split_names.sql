-- Breaking: an image that does not know these columns cannot work with this database.
ALTER TABLE people RENAME COLUMN name TO user_name;
ALTER TABLE people ADD COLUMN display_name TEXT;
UPDATE people SET display_name = user_name;
