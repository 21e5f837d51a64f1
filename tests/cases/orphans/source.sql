CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE edition(isbn TEXT, print INT, PRIMARY KEY(isbn, print)) WITHOUT ROWID;
CREATE TABLE book(
    id INTEGER PRIMARY KEY,
    author_id INT REFERENCES author,
    isbn TEXT,
    print INT,
    sequel_to INT REFERENCES book(id) ON DELETE SET NULL,
    FOREIGN KEY(isbn, print) REFERENCES edition(isbn, print)
);
INSERT INTO author VALUES(1, 'Ann'), (2, 'Bo');
INSERT INTO edition VALUES('a', 1), ('a', 2);
INSERT INTO book VALUES
    (1, 1, 'a', 1, NULL), (2, 2, 'a', 2, 1), (3, 3, 'a', 3, 2), (4, 4, NULL, 9, NULL), (5, NULL, 'b', NULL, NULL),
    (6, 5, 'a', 1, NULL), (7, 6, 'a', 1, NULL), (8, 7, 'a', 1, NULL);
