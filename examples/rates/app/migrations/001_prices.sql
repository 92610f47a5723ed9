CREATE TABLE regions (slug TEXT PRIMARY KEY, parent_slug TEXT REFERENCES regions (slug));
CREATE TABLE ports (code TEXT PRIMARY KEY, parent_slug TEXT NOT NULL REFERENCES regions (slug));
CREATE TABLE prices (
    orig_code TEXT NOT NULL REFERENCES ports (code),
    dest_code TEXT NOT NULL REFERENCES ports (code),
    day DATE NOT NULL,
    price INTEGER NOT NULL
);
CREATE INDEX prices_by_route ON prices (orig_code, dest_code, day);
