-- A mistake on purpose: a column that must not be empty, for rows that are there already and have nothing to put in it.
ALTER TABLE entries ADD COLUMN stars INTEGER NOT NULL;
