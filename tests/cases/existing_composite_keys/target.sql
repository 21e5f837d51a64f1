CREATE TABLE link(v text, a bigint NOT NULL, b varchar(10) NOT NULL, PRIMARY KEY(a, b));
CREATE TABLE setting(id serial PRIMARY KEY, scope text NOT NULL, name text NOT NULL, value text, UNIQUE(scope, name));
CREATE TABLE only_here(v double precision, day date NOT NULL, k integer NOT NULL);
CREATE INDEX only_here_day ON only_here(day);
