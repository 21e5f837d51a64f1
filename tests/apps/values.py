"""Random values of every kind that SQLite and PostgreSQL both hold exactly, shared by the two applications.

What a kind of column cannot hold on PostgreSQL (a NUL in text, a number beyond its digits) has tests of its own; an
application whose ORM works on both databases does not store it.
"""

import datetime
import decimal
import ipaddress
import uuid

WORDS = [
    "", "a", "NULL", "it's", 'say "so"', "back\\slash", "tab\tand\nline", "  blanks  ", "Ünïcödé", "ß", "İstanbul",
    "日本語", "🦀🐘", "e\u0301", "\u200b", "{1,2}", "%s %(x)s", "'; DROP TABLE x; --", "1", "1.0", "true", "\x01\x7f",
    "2024-01-02", "null", "\ufeffmark", "\U0010ffff",
]
LONG = 2**63 - 1


class Values:
    """Everything from one stream of random numbers, so that a seed gives the same objects again."""

    def __init__(self, rng):
        self.rng = rng

    def maybe(self, value):
        return None if self.rng.random() < 0.2 else value

    def text(self, limit=400):
        words = [self.rng.choice(WORDS) for _ in range(self.rng.choice([1, 1, 2, 5, 40]))]
        return self.rng.choice(["", " ", "-"]).join(words)[:limit]

    def full(self, length):
        """A text of exactly that many characters, some of them four bytes long."""
        return "".join(self.rng.choice("aé日🐘") for _ in range(length))

    def name(self, limit):
        """ASCII, unique for all purposes, in mixed case."""
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        return "".join(self.rng.choice(letters) for _ in range(min(limit, 12)))

    def integer(self, low, high):
        near = [low, low + 1, high - 1, high, *(v for v in (-1, 0, 1, 255, 2**24 + 1) if low <= v <= high)]
        return self.rng.choice(near) if self.rng.random() < 0.3 else self.rng.randint(low, high)

    def real(self):
        odd = [0.0, -0.0, 0.1, 1.0, 1e16, 2.5e-310, 1.7976931348623157e308, float("inf"), float("-inf"), 2.0**53 + 2]
        return self.rng.choice(odd) if self.rng.random() < 0.4 else self.rng.uniform(-1e6, 1e6)

    def decimal(self, digits, places, low=None):
        """SQLite's ORMs store decimals as floats: fifteen digits are exact."""
        most = 10 ** min(digits, 15) - 1
        number = self.rng.choice([0, 1, most, 10**places, self.rng.randint(0, most), self.rng.randint(0, most)])
        number = -number if low is None and self.rng.random() < 0.4 else number
        return decimal.Decimal(number).scaleb(-places)

    def day(self):
        odd = [datetime.date.min, datetime.date.max, datetime.date(1970, 1, 1), datetime.date(2000, 2, 29)]
        return self.rng.choice(odd) if self.rng.random() < 0.3 else datetime.date(2024, 1, 1) + self.days()

    def days(self):
        return datetime.timedelta(days=self.rng.randint(-9000, 9000))

    def clock(self):
        micro = self.rng.choice([0, 0, 1, 999_999, 120_000, self.rng.randint(0, 999_999)])
        return datetime.time(self.rng.randint(0, 23), self.rng.randint(0, 59), self.rng.choice([0, 59]), micro)

    def moment(self, zone=None):
        return datetime.datetime.combine(self.day(), self.clock(), zone)

    def span(self):
        odd = [datetime.timedelta(0), datetime.timedelta(microseconds=-1), datetime.timedelta(days=-1, seconds=1)]
        days, seconds, micro = self.rng.randint(-9000, 9000), self.rng.randint(0, 86_399), self.rng.randint(0, 999_999)
        some = datetime.timedelta(days, seconds, micro)
        return self.rng.choice(odd) if self.rng.random() < 0.3 else some

    def uuid(self):
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def blob(self, length=None):
        length = self.rng.choice([0, 1, 16, 300]) if length is None else length
        return self.rng.choice([bytes(length), self.rng.randbytes(length), b"\xff" * length])

    def address(self, versions=(4, 6)):
        bits = 32 if self.rng.choice(versions) == 4 else 128
        number = self.rng.choice([0, 1, 2**bits - 1, self.rng.getrandbits(bits)])
        return str((ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address)(number))

    def document(self, depth=3):
        """Floats are such that a decimal number and Python write them alike.

        A whole document that is a number stays below 2**63, and has a fraction if it is a float: a column declared JSON
        has NUMERIC affinity, and SQLite itself makes a float of a larger one, and 1 of 1.0.
        """
        kind = self.rng.randrange(8 if depth else 5)
        if kind == 0:
            return self.text(30)
        if kind == 1:
            return self.rng.choice([0, -1, LONG, 2**70 if depth < 3 else 7, self.rng.randint(-1000, 1000)])
        if kind == 2:
            number = self.rng.choice([0.5, 1.0, -2.25, 1e-06, 123456.789, self.rng.randint(1, 9999) / 64])
            return number + 0.25 if depth == 3 and number.is_integer() else number
        if kind <= 4:
            return self.rng.choice([True, False, None])
        if kind == 5:
            return [self.document(depth - 1) for _ in range(self.rng.randint(0, 4))]
        return {self.text(8): self.document(depth - 1) for _ in range(self.rng.randint(0, 5))}
