UPDATE users SET admin = 't', updated_at = '2024-06-01 00:00:00.000000', balance = -0.0001 WHERE id = 2;
REPLACE INTO users VALUES (3, 'a@x', 'f', '2000-01-01 00:00:00', '2000-01-01', 0, '[]', x'', '2024-01-02 03:04:05.678901', '2024-01-02 03:04:05.000001');
