INSERT INTO Album (Title, ArtistId) VALUES ('Let There Be Rock', 1);
UPDATE MixedCase SET XMIN = 3 WHERE Key = 'a';
