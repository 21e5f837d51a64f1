CREATE TABLE "author" (
    id bigint NOT NULL,
    name text
);
ALTER TABLE author ADD CONSTRAINT author_pkey PRIMARY KEY (id);
CREATE TABLE "book" (
    id bigint NOT NULL,
    author_id bigint,
    isbn text,
    print bigint,
    sequel_to bigint
);
ALTER TABLE book ADD CONSTRAINT book_author_id_fkey FOREIGN KEY (author_id) REFERENCES author(id);
ALTER TABLE book ADD CONSTRAINT book_isbn_print_fkey FOREIGN KEY (isbn, print) REFERENCES edition(isbn, print);
ALTER TABLE book ADD CONSTRAINT book_pkey PRIMARY KEY (id);
ALTER TABLE book ADD CONSTRAINT book_sequel_to_fkey FOREIGN KEY (sequel_to) REFERENCES book(id) ON DELETE SET NULL;
CREATE TABLE "edition" (
    isbn text NOT NULL,
    print bigint NOT NULL
);
ALTER TABLE edition ADD CONSTRAINT edition_pkey PRIMARY KEY (isbn, print);
