CREATE TABLE log(id bigserial PRIMARY KEY, line text, at text);
CREATE TABLE pair(k text, v integer, mine text DEFAULT 'here');
