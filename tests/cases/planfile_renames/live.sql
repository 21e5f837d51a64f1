INSERT INTO tblCustomer VALUES (3, 'Cleo', 2);
UPDATE tblCustomer SET "Full Name" = 'Robert' WHERE CustomerID = 2;
INSERT INTO tblOrder VALUES (2, 3, NULL);
UPDATE tblOrder SET OrderID = 9 WHERE OrderID = 1;
INSERT INTO a VALUES (5);
DELETE FROM b;
