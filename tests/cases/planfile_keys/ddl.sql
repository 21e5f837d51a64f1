CREATE TABLE "children" (
    id uuid NOT NULL,
    parent integer,
    code text
);
ALTER TABLE children ADD CONSTRAINT children_code_fkey FOREIGN KEY (code) REFERENCES parents(code);
ALTER TABLE children ADD CONSTRAINT children_parent_fkey FOREIGN KEY (parent) REFERENCES parents(id) ON DELETE CASCADE;
ALTER TABLE children ADD CONSTRAINT children_pkey PRIMARY KEY (id);
CREATE TABLE "days" (
    day date NOT NULL,
    hour smallint NOT NULL,
    n bigint
);
ALTER TABLE days ADD CONSTRAINT days_pkey PRIMARY KEY (day, hour);
CREATE TABLE "parents" (
    id integer NOT NULL,
    code character varying(4) NOT NULL
);
ALTER TABLE parents ADD CONSTRAINT parents_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX parents_code_key ON public.parents USING btree (code);
