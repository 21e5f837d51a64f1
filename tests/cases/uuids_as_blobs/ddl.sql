CREATE TABLE "marks" (
    node uuid NOT NULL,
    label bytea NOT NULL
);
ALTER TABLE marks ADD CONSTRAINT marks_pkey PRIMARY KEY (node, label);
COMMENT ON COLUMN marks.label IS 'SQLite: BINARY(16)';
COMMENT ON COLUMN marks.node IS 'SQLite: UUID, as blobs of 16 bytes';
CREATE TABLE "nodes" (
    id uuid NOT NULL,
    parent uuid,
    body bytea
);
ALTER TABLE nodes ADD CONSTRAINT nodes_parent_fkey FOREIGN KEY (parent) REFERENCES nodes(id);
ALTER TABLE nodes ADD CONSTRAINT nodes_pkey PRIMARY KEY (id);
COMMENT ON COLUMN nodes.id IS 'SQLite: BINARY(16), as blobs of 16 bytes';
COMMENT ON COLUMN nodes.parent IS 'SQLite: BINARY(16), as blobs of 16 bytes';
