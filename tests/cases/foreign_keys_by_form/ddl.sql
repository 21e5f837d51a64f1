CREATE TABLE "children" (
    id bigint NOT NULL,
    parent text,
    code text,
    same text,
    empty text,
    day date,
    amount numeric
);
ALTER TABLE children ADD CONSTRAINT children_amount_fkey FOREIGN KEY (amount) REFERENCES parents(amount);
ALTER TABLE children ADD CONSTRAINT children_code_fkey FOREIGN KEY (code) REFERENCES parents(code);
ALTER TABLE children ADD CONSTRAINT children_day_fkey FOREIGN KEY (day) REFERENCES parents(day);
ALTER TABLE children ADD CONSTRAINT children_empty_fkey FOREIGN KEY (empty) REFERENCES parents(id);
ALTER TABLE children ADD CONSTRAINT children_parent_fkey FOREIGN KEY (parent) REFERENCES parents(id);
ALTER TABLE children ADD CONSTRAINT children_pkey PRIMARY KEY (id);
ALTER TABLE children ADD CONSTRAINT children_same_fkey FOREIGN KEY (same) REFERENCES parents(id);
CREATE TABLE "grandchildren" (
    id bigint NOT NULL,
    link text
);
ALTER TABLE grandchildren ADD CONSTRAINT grandchildren_pkey PRIMARY KEY (id);
CREATE TABLE "parents" (
    id text NOT NULL,
    code text,
    day date,
    amount numeric
);
ALTER TABLE parents ADD CONSTRAINT parents_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX parents_amount_key ON public.parents USING btree (amount);
CREATE UNIQUE INDEX parents_code_key ON public.parents USING btree (code);
CREATE UNIQUE INDEX parents_day_key ON public.parents USING btree (day);
