CREATE TABLE "marks" (
    node uuid NOT NULL,
    label bytea NOT NULL
);
ALTER TABLE marks ADD CONSTRAINT marks_pkey PRIMARY KEY (node, label);
CREATE TABLE "nodes" (
    id uuid NOT NULL,
    parent uuid,
    body bytea
);
ALTER TABLE nodes ADD CONSTRAINT nodes_parent_fkey FOREIGN KEY (parent) REFERENCES nodes(id);
ALTER TABLE nodes ADD CONSTRAINT nodes_pkey PRIMARY KEY (id);
