-- Keys of several columns, also without a rowid, and a key that only the source has
CREATE TABLE link(a INT NOT NULL, b TEXT NOT NULL, v TEXT, PRIMARY KEY(b, a)) WITHOUT ROWID;
CREATE TABLE setting(scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT, UNIQUE(scope, name));
CREATE TABLE only_here(day DATE NOT NULL, k INT NOT NULL, v REAL, PRIMARY KEY(day, k));
INSERT INTO link VALUES (1, 'x', 'one'), (2, 'x', 'two'), (1, 'y', NULL);
INSERT INTO setting VALUES ('a', 'n', '1'), ('a', 'm', '2'), ('b', 'n', NULL);
INSERT INTO only_here VALUES ('2024-01-01', 1, 1.5), ('2024-01-01', 2, NULL), ('2024-01-02', 1, 0.25);
