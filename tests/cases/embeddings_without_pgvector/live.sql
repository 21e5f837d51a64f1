INSERT INTO docs VALUES (3, 'three', x'cdcccc3e0000003f', 'none', '[1]'), (4, NULL, NULL, NULL, NULL);
UPDATE docs SET embedding = x'000010410000104100001041', openai_embedding = '[0.1, 0.2, 0.3]' WHERE id = 1;
UPDATE chunks SET v = x'', w = '[2, 3]' WHERE id = 1;
DELETE FROM docs WHERE id = 2;
