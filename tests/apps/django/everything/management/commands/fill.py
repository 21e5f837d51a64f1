"""manage.py fill SEED: objects of every kind."""

import random

from django.core.management.base import BaseCommand

from everything import writing


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("seed", type=int)

    def handle(self, *args, seed, **options):
        writing.fill(random.Random(seed), 10)
