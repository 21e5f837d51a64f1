-- Every write is refused, whatever conflict clause the statement has: ABORT is explicit, so that OR IGNORE and OR REPLACE
-- do not change it. The text is a literal, because an expression makes the file unreadable to libraries before 3.47.
CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN
  SELECT RAISE(ABORT, {message});
END
