-- Migrations that lose data, block a running application, or break its previous release; each with the rule that says so.

-- # drop table
-- expect ban-drop-table
DROP TABLE orders;

-- # drop table if exists
-- expect ban-drop-table
DROP TABLE IF EXISTS orders CASCADE;

-- # drop foreign table
-- expect ban-drop-table
DROP FOREIGN TABLE remote_orders;

-- # drop column
-- expect ban-drop-column
ALTER TABLE orders DROP COLUMN note;

-- # drop column among others
-- expect ban-drop-column
ALTER TABLE orders ADD COLUMN a text, DROP COLUMN IF EXISTS b;

-- # drop schema
-- expect ban-drop-schema
DROP SCHEMA billing CASCADE;

-- # drop database
-- expect ban-drop-database
DROP DATABASE shop;

-- # drop view
-- expect ban-drop-view
DROP VIEW open_orders;

-- # drop materialized view
-- expect ban-drop-view
DROP MATERIALIZED VIEW totals;

-- # drop function
-- expect ban-drop-function
DROP FUNCTION total(integer);

-- # drop type
-- expect ban-drop-type
DROP TYPE mood;

-- # drop domain
-- expect ban-drop-domain
DROP DOMAIN email;

-- # drop sequence
-- expect ban-drop-sequence
DROP SEQUENCE order_numbers;

-- # drop extension
-- expect ban-drop-extension
DROP EXTENSION hstore;

-- # drop constraint
-- expect ban-drop-constraint
ALTER TABLE orders DROP CONSTRAINT orders_total_check;

-- # drop default
-- expect ban-drop-default
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;

-- # drop not null
-- expect ban-drop-not-null
ALTER TABLE orders ALTER COLUMN state DROP NOT NULL;

-- # drop generated expression
-- expect ban-drop-generated-expression
ALTER TABLE orders ALTER COLUMN total DROP EXPRESSION;

-- # drop trigger
-- expect ban-drop-trigger
DROP TRIGGER orders_audit ON orders;

-- # disable trigger
-- expect ban-disable-trigger
ALTER TABLE orders DISABLE TRIGGER orders_audit;

-- # drop policy
-- expect ban-drop-policy
DROP POLICY tenants ON orders;

-- # disable row level security
-- expect ban-alter-row-level-security
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;

-- # drop index
-- expect require-concurrent-index-deletion
DROP INDEX orders_state;

-- # revoke
-- expect ban-revoke
REVOKE SELECT ON orders FROM web;

-- # change owner
-- expect ban-revoke
ALTER TABLE orders OWNER TO admin;

-- # alter system
-- expect ban-alter-system-options
ALTER SYSTEM SET max_connections = 10;

-- # restart sequence
-- expect ban-alter-sequence-values
ALTER SEQUENCE order_numbers RESTART WITH 1;

-- # drop publication
-- expect ban-replica-identity
DROP PUBLICATION changes;

-- # rename column
-- expect renaming-column
ALTER TABLE orders RENAME COLUMN note TO remark;

-- # rename table
-- expect renaming-table
ALTER TABLE orders RENAME TO purchases;

-- # rename view
-- expect renaming-object
ALTER VIEW open_orders RENAME TO orders_open;

-- # move to a schema
-- expect ban-set-schema
ALTER TABLE orders SET SCHEMA archive;

-- # change type
-- expect changing-column-type
ALTER TABLE orders ALTER COLUMN total TYPE bigint;

-- # change type with expression
-- expect changing-column-type
ALTER TABLE orders ALTER COLUMN total TYPE text USING total::text;

-- # required column
-- expect adding-required-field
ALTER TABLE orders ADD COLUMN customer bigint NOT NULL;

-- # volatile default
-- expect adding-field-with-default
ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();

-- # stored generated column
-- expect adding-field-with-default
ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (net * 1.2) STORED;

-- # serial primary key
-- expect adding-serial-primary-key-field
ALTER TABLE orders ADD COLUMN id serial PRIMARY KEY;

-- # set not null
-- expect adding-not-nullable-field
ALTER TABLE orders ALTER COLUMN state SET NOT NULL;

-- # index
-- expect require-concurrent-index-creation
CREATE INDEX orders_state ON orders (state);

-- # unique index
-- expect require-concurrent-index-creation
CREATE UNIQUE INDEX orders_number ON orders (number);

-- # concurrent index in a transaction
-- expect ban-concurrent-index-creation-in-transaction
SELECT 1;
CREATE INDEX CONCURRENTLY orders_state ON orders (state);

-- # reindex
-- expect require-concurrent-reindex
REINDEX TABLE orders;

-- # check constraint
-- expect constraint-missing-not-valid
ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0);

-- # foreign key
-- expect adding-foreign-key-constraint
ALTER TABLE orders ADD CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id);

-- # foreign key of a new column
-- expect adding-foreign-key-constraint
ALTER TABLE orders ADD COLUMN customer bigint REFERENCES customers (id);

-- # unique constraint
-- expect disallowed-unique-constraint
ALTER TABLE orders ADD CONSTRAINT one_number UNIQUE (number);

-- # detach partition
-- expect require-concurrent-partition-detach
ALTER TABLE events DETACH PARTITION events_2020;

-- # truncate cascade
-- expect ban-truncate-cascade
TRUNCATE orders CASCADE;

-- # truncate
-- expect slipway-truncate
TRUNCATE orders;

-- # truncate many
-- expect slipway-truncate
CREATE TABLE new_orders (id bigint);
TRUNCATE TABLE ONLY new_orders, orders RESTART IDENTITY;

-- # delete all
-- expect slipway-delete-without-where
DELETE FROM sessions;

-- # delete all in with
-- expect slipway-delete-without-where
WITH gone AS (DELETE FROM sessions RETURNING id) INSERT INTO archive SELECT id FROM gone;

-- # update all
-- expect slipway-update-without-where
UPDATE orders SET state = 'open';

-- # do block that drops
-- expect slipway-do-block
DO $$ BEGIN DROP TABLE orders; END $$;

-- # do block that alters
-- expect slipway-do-block
DO $body$
BEGIN
  ALTER TABLE orders ADD COLUMN a text;
END
$body$ LANGUAGE plpgsql;

-- # do block that executes
-- expect slipway-do-block
DO $$ BEGIN EXECUTE format('TRUNCATE %I', 'orders'); END $$;

-- # lock table
-- expect slipway-lock-table
LOCK TABLE orders;

-- # lock table in share mode
-- expect slipway-lock-table
LOCK TABLE orders IN SHARE MODE NOWAIT;

-- # vacuum full (no transaction)
-- expect slipway-table-rewrite
VACUUM FULL orders;

-- # vacuum with options (no transaction)
-- expect slipway-table-rewrite
VACUUM (FULL, ANALYZE) orders;

-- # cluster
-- expect slipway-table-rewrite
CLUSTER orders USING orders_state;

-- # set unlogged
-- expect slipway-table-rewrite
ALTER TABLE orders SET UNLOGGED;

-- # set tablespace
-- expect slipway-table-rewrite
ALTER TABLE orders SET TABLESPACE slow;

-- # refresh view
-- expect slipway-refresh-view
REFRESH MATERIALIZED VIEW totals;

-- # drop owned
-- expect slipway-drop-owned
DROP OWNED BY web;

-- # drop role
-- expect slipway-drop-role
DROP ROLE web;

-- # no lock timeout
-- expect slipway-no-lock-timeout
SET lock_timeout = 0;

-- # no local lock timeout
-- expect slipway-no-lock-timeout
SET LOCAL lock_timeout TO '0';

-- # unreadable
-- expect slipway-unreadable
ALTER orders ADD COLUMN a text;

-- # second of two statements
-- expect ban-drop-column
ALTER TABLE orders ADD COLUMN a text;

ALTER TABLE orders DROP COLUMN b;

-- # goose
-- expect ban-drop-table
-- +goose Up
DROP TABLE orders;
-- +goose Down
SELECT 1;

-- # column of a sequence
-- expect slipway-table-rewrite
ALTER TABLE orders ADD COLUMN number serial;

-- # column of a long sequence among others
-- expect slipway-table-rewrite
ALTER TABLE orders ADD COLUMN note text, ADD number BIGSERIAL;

-- # update of all rows by a condition that always holds
-- expect slipway-update-without-where
UPDATE orders SET paid = false WHERE true;

-- # delete of all rows by a condition that always holds
-- expect slipway-delete-without-where
DELETE FROM orders WHERE (1 = 1);

-- # table of the file and another
-- expect ban-drop-table
CREATE TABLE copies (id bigint);
DROP TABLE copies, orders;

-- # column with a check
-- expect slipway-table-scan
ALTER TABLE orders ADD COLUMN note text CHECK (note <> '');

-- # other expression of a generated column
-- expect slipway-table-rewrite
ALTER TABLE orders ALTER COLUMN total SET EXPRESSION AS (price * 2);

-- # index moved
-- expect slipway-table-rewrite
ALTER INDEX orders_note SET TABLESPACE fast;

-- # rows that leave the parent
-- expect slipway-no-inherit
ALTER TABLE orders_2025 NO INHERIT orders;

-- # role without login
-- expect slipway-alter-role
ALTER ROLE web NOLOGIN;

-- # other password
-- expect slipway-alter-role
ALTER USER web WITH PASSWORD 'changed';

-- # rule
-- expect slipway-create-rule
CREATE RULE ignored AS ON DELETE TO orders DO INSTEAD NOTHING;

-- # no triggers
-- expect slipway-no-triggers
SET session_replication_role = 'replica';

-- # second drop of a name
-- expect ban-drop-table
CREATE TEMPORARY TABLE orders (id bigint);
DROP TABLE orders;
DROP TABLE orders;
