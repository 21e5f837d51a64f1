INSERT INTO ticket (what) VALUES ('b');
INSERT INTO empty (what) VALUES ('x'), ('y');
DELETE FROM empty;
