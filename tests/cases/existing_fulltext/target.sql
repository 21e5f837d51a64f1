CREATE TABLE page(id serial PRIMARY KEY, title text NOT NULL, body text, words tsvector NOT NULL);
CREATE TRIGGER page_words BEFORE INSERT OR UPDATE ON page FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(words, 'pg_catalog.english', title, body);
CREATE INDEX page_words ON page USING gin (words);
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'the application alone writes here'; END$$;
CREATE TRIGGER page_guard BEFORE UPDATE OR DELETE ON page FOR EACH ROW EXECUTE FUNCTION no();
CREATE TABLE project(id serial PRIMARY KEY, name text, search_vector tsvector GENERATED ALWAYS AS (to_tsvector('english', coalesce(name, ''))) STORED);
