-- Migrations that a running application does not notice.

-- # create table
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  state text NOT NULL DEFAULT 'open',
  created_at timestamptz NOT NULL DEFAULT now()
);

-- # create table if not exists
CREATE TABLE IF NOT EXISTS orders (id bigint PRIMARY KEY);

-- # create table with references
CREATE TABLE items (id bigint PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders (id));

-- # create table with checks
CREATE TABLE prices (id bigint PRIMARY KEY, price numeric CHECK (price > 0), UNIQUE (price, id));

-- # create partitioned table
CREATE TABLE events (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);

-- # create partition
CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');

-- # create temporary table
CREATE TEMPORARY TABLE scratch (id bigint);
DELETE FROM scratch;

-- # create table as
CREATE TABLE orders_copy AS SELECT id, state FROM orders WHERE state = 'open';

-- # create unlogged table
CREATE UNLOGGED TABLE cache (key text PRIMARY KEY, value text);

-- # index of a new table
CREATE TABLE orders (id bigint PRIMARY KEY, state text);
CREATE INDEX orders_state ON orders (state);

-- # constraint of a new table
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);
ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0);

-- # rows of a new table
CREATE TABLE states (name text PRIMARY KEY);
INSERT INTO states (name) VALUES ('open'), ('paid');
UPDATE states SET name = lower(name);

-- # truncate a new table
CREATE TABLE states (name text PRIMARY KEY);
TRUNCATE states;

-- # unlogged new table
CREATE TABLE states (name text PRIMARY KEY);
ALTER TABLE states SET UNLOGGED;

-- # add column
ALTER TABLE orders ADD COLUMN note text;

-- # add column if not exists
ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text;

-- # add columns
ALTER TABLE orders ADD COLUMN a text, ADD COLUMN b bigint;

-- # add column with constant default
ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'open';

-- # add boolean with default
ALTER TABLE orders ADD COLUMN paid boolean DEFAULT false NOT NULL;

-- # add number with default
ALTER TABLE orders ADD COLUMN stars integer DEFAULT 0;

-- # add column with now
ALTER TABLE orders ADD COLUMN seen_at timestamptz DEFAULT now();

-- # add array
ALTER TABLE orders ADD COLUMN tags text[] DEFAULT '{}';

-- # add jsonb
ALTER TABLE orders ADD COLUMN extra jsonb NOT NULL DEFAULT '{}';

-- # set default
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'new';

-- # set statistics
ALTER TABLE orders ALTER COLUMN state SET STATISTICS 500;

-- # set storage parameter
ALTER TABLE orders SET (autovacuum_vacuum_scale_factor = 0.05);

-- # check without validation
ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;

-- # validate constraint
ALTER TABLE orders VALIDATE CONSTRAINT positive;

-- # foreign key without validation
ALTER TABLE orders ADD CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id) NOT VALID;

-- # unique constraint of an index
ALTER TABLE orders ADD CONSTRAINT one_number UNIQUE USING INDEX orders_number;

-- # primary key of an index
ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_id;

-- # concurrent index (no transaction)
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_state ON orders (state);

-- # concurrent unique index (no transaction)
CREATE UNIQUE INDEX CONCURRENTLY orders_number ON orders (number);

-- # concurrent partial index (no transaction)
CREATE INDEX CONCURRENTLY open_orders ON orders (id) WHERE state = 'open';

-- # drop index concurrently (no transaction)
DROP INDEX CONCURRENTLY IF EXISTS orders_state;

-- # reindex concurrently (no transaction)
REINDEX INDEX CONCURRENTLY orders_state;

-- # detach concurrently (no transaction)
ALTER TABLE events DETACH PARTITION events_2020 CONCURRENTLY;

-- # vacuum (no transaction)
VACUUM ANALYZE orders;

-- # analyze
ANALYZE orders;

-- # insert rows
INSERT INTO states (name) VALUES ('open') ON CONFLICT (name) DO UPDATE SET name = excluded.name;

-- # insert from select
INSERT INTO archive (id) SELECT id FROM orders WHERE state = 'closed';

-- # update some
UPDATE orders SET state = 'open' WHERE state IS NULL;

-- # update from
UPDATE orders SET total = t.total FROM totals t WHERE t.id = orders.id;

-- # delete some
DELETE FROM sessions WHERE expires_at < now();

-- # move some
WITH gone AS (DELETE FROM orders WHERE state = 'closed' RETURNING *) INSERT INTO archive SELECT * FROM gone;

-- # select
SELECT count(*) FROM orders;

-- # set config
SELECT set_config('search_path', 'shop', false);

-- # create view
CREATE VIEW open_orders AS SELECT id, total FROM orders WHERE state = 'open';

-- # replace view
CREATE OR REPLACE VIEW open_orders AS SELECT id, total, note FROM orders WHERE state = 'open';

-- # create materialized view
CREATE MATERIALIZED VIEW totals AS SELECT state, sum(total) AS total FROM orders GROUP BY state;

-- # refresh concurrently
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;

-- # create function
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

-- # function that deletes
CREATE OR REPLACE FUNCTION purge() RETURNS void LANGUAGE sql AS $$ DELETE FROM sessions WHERE expires_at < now(); $$;

-- # create trigger
CREATE TRIGGER orders_touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();

-- # create type
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');

-- # add enum value
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'great' AFTER 'happy';

-- # create sequence
CREATE SEQUENCE order_numbers START 1000;

-- # create extension
CREATE EXTENSION IF NOT EXISTS pgcrypto;

-- # create schema
CREATE SCHEMA IF NOT EXISTS billing;

-- # create role
CREATE ROLE reporting NOLOGIN;

-- # grant
GRANT SELECT ON orders TO reporting;

-- # default privileges
ALTER DEFAULT PRIVILEGES IN SCHEMA billing GRANT SELECT ON TABLES TO reporting;

-- # comment
COMMENT ON COLUMN orders.state IS 'open, paid or closed';

-- # statistics
CREATE STATISTICS orders_states (dependencies) ON state, customer FROM orders;

-- # do block that raises
DO $$ BEGIN RAISE NOTICE 'nothing to do'; END $$;

-- # do block that creates
DO $$ BEGIN
  CREATE TYPE mood AS ENUM ('sad');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

-- # transaction
BEGIN;
ALTER TABLE orders ADD COLUMN note text;
COMMIT;

-- # timeouts
SET lock_timeout = '2s';
SET statement_timeout = '1min';
ALTER TABLE orders ADD COLUMN note text;

-- # weak lock
LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE;

-- # accepted drop
-- squawk-ignore ban-drop-column
ALTER TABLE orders DROP COLUMN note;

-- # accepted truncate
-- squawk-ignore slipway-truncate
TRUNCATE cache;

-- # way back
-- migrate:up
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migrate:down
DROP TABLE orders;

-- # words in texts and comments
-- DROP TABLE orders;
/* TRUNCATE orders; */
INSERT INTO notes (body) VALUES ('DROP TABLE orders; DELETE FROM orders;');

-- # quoted names
CREATE TABLE "drop" ("truncate" text, "delete" bigint PRIMARY KEY);

-- # empty
-- Nothing to do.

-- # copy
COPY states (name) FROM '/tmp/states.csv' WITH (FORMAT csv);

-- # table of the file itself
CREATE TEMPORARY TABLE moved (id bigint);
INSERT INTO moved (id) SELECT id FROM orders;
DROP TABLE moved;

-- # copy of the file itself
CREATE TABLE moved AS SELECT id FROM orders;
DROP TABLE IF EXISTS moved;

-- # conditions that name something
UPDATE orders SET paid = true WHERE paid IS NOT true;
DELETE FROM orders WHERE random() < 0.1;
DELETE FROM orders WHERE "order" = 1;

-- # role that may create databases
ALTER ROLE builder CREATEDB;

-- # generated column of the file itself
CREATE TABLE totals (id bigint PRIMARY KEY);
ALTER TABLE totals ADD COLUMN number serial, ADD COLUMN note text CHECK (note <> '');

-- # index options
ALTER INDEX orders_note SET (fillfactor = 70);
