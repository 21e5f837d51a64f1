"""manage.py write SEED: transactions until a number comes on stdin, then so many more."""

import random

from commands import write_until_told
from django.core.management.base import BaseCommand

from everything.writing import Writer


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("seed", type=int)

    def handle(self, *args, seed, **options):
        rng = random.Random(seed)
        write_until_told(rng, Writer(rng).transaction)
