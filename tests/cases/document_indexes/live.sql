UPDATE docs SET doc = json_set(doc, '$.tags', json('["c"]')) WHERE id = 1;
INSERT INTO docs VALUES (6, '{"tags": {"x": [null, true]}}', NULL), (7, '{"tags": null}', NULL);
DELETE FROM docs WHERE id = 3;
