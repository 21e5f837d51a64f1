CREATE TABLE Album (AlbumId INTEGER PRIMARY KEY, Title TEXT NOT NULL COLLATE NOCASE, ArtistId INT REFERENCES Artist (ArtistId));
CREATE TABLE Artist (ArtistId INTEGER PRIMARY KEY, Name VARCHAR(80), ÄÖ TEXT);
CREATE TABLE MixedCase (Key TEXT PRIMARY KEY, XMIN INT);
CREATE INDEX IFK_AlbumArtistId ON Album (ArtistId);
CREATE UNIQUE INDEX AlbumTitle ON Album (Title);
CREATE VIEW Listing AS SELECT Title, Name AS ByWhom FROM Album JOIN Artist ON Album.ArtistId = Artist.ArtistId;
INSERT INTO Artist VALUES (1, 'AC/DC', 'ä'), (2, 'Accept', NULL);
INSERT INTO Album VALUES (1, 'Balls to the Wall', 2);
INSERT INTO MixedCase VALUES ('A', 1), ('a', 2);
