-- Made up for this example: two regions, four ports, four days; in the form of `pg_dump --inserts`, with owners.

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);

CREATE TABLE public.regions (slug TEXT PRIMARY KEY, parent_slug TEXT REFERENCES public.regions (slug));
ALTER TABLE public.regions OWNER TO postgres;

CREATE TABLE public.ports (code TEXT PRIMARY KEY, parent_slug TEXT NOT NULL REFERENCES public.regions (slug));
ALTER TABLE public.ports OWNER TO postgres;

CREATE TABLE public.prices (
    orig_code TEXT NOT NULL REFERENCES public.ports (code),
    dest_code TEXT NOT NULL REFERENCES public.ports (code),
    day DATE NOT NULL,
    price INTEGER NOT NULL
);
ALTER TABLE public.prices OWNER TO postgres;

INSERT INTO public.regions VALUES ('china_main', NULL);
INSERT INTO public.regions VALUES ('northern_europe', NULL);
INSERT INTO public.regions VALUES ('baltic', 'northern_europe');
INSERT INTO public.ports VALUES ('CNGGZ', 'china_main');
INSERT INTO public.ports VALUES ('CNSGH', 'china_main');
INSERT INTO public.ports VALUES ('EETLL', 'baltic');
INSERT INTO public.ports VALUES ('NLRTM', 'northern_europe');
INSERT INTO public.prices VALUES ('CNGGZ', 'EETLL', '2021-01-01', 1100);
INSERT INTO public.prices VALUES ('CNGGZ', 'EETLL', '2021-01-01', 1200);
INSERT INTO public.prices VALUES ('CNGGZ', 'EETLL', '2021-01-01', 1300);
INSERT INTO public.prices VALUES ('CNGGZ', 'EETLL', '2021-01-02', 1500);
INSERT INTO public.prices VALUES ('CNSGH', 'EETLL', '2021-01-02', 1700);
INSERT INTO public.prices VALUES ('CNGGZ', 'NLRTM', '2021-01-03', 900);
INSERT INTO public.prices VALUES ('CNSGH', 'NLRTM', '2021-01-03', 1000);
INSERT INTO public.prices VALUES ('CNSGH', 'EETLL', '2021-01-03', 1100);

CREATE INDEX prices_by_route ON public.prices USING btree (orig_code, dest_code, day);
