-- Indexes over parts of documents
CREATE TABLE docs (id INTEGER PRIMARY KEY, doc JSON, plain TEXT);
CREATE INDEX docs_tags ON docs (json_extract(doc, '$.tags'));
CREATE INDEX docs_city ON docs (doc ->> '$.address."home town"') WHERE id > 0;
CREATE INDEX docs_first ON docs (doc -> 'tags' -> 0);
CREATE UNIQUE INDEX docs_email ON docs (json_extract(doc, '$.email'));
CREATE INDEX docs_two ON docs (json_extract(doc, '$.a'), id);
CREATE INDEX docs_plain ON docs (json_extract(plain, '$.a'));
CREATE INDEX docs_last ON docs (json_extract(doc, '$.tags[#-1]'));
INSERT INTO docs VALUES (1, '{"tags": ["a", "b"], "address": {"home town": "Ulm"}, "email": "x"}', '{"a": 1}'), (2, '{"tags": "a", "address": [1]}', NULL), (3, '[1, 2]', NULL), (4, NULL, NULL), (5, '7', NULL);
