-- Expands the schema: release 1 goes on writing rows without a mood while release 2 comes out.
ALTER TABLE entries ADD COLUMN mood TEXT;
