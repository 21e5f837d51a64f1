"""manage.py ask: questions that the application has for its database, in the ORM's words."""

import datetime

from commands import canonical, show
from django.core.management.base import BaseCommand
from django.db.models import Count, F, Max, Min, Q, Sum
from django.db.models.functions import Lower, TruncMonth

from everything.models import Dish, Place, Restaurant, Scalars, Seat

UTC = datetime.timezone.utc
NOON = datetime.time(12)
YEAR = datetime.datetime(2024, 1, 1, tzinfo=UTC)


def questions():
    rows = Scalars.objects
    yield "booleans", rows.filter(yes=True, perhaps__isnull=False).count()
    yield "not true", rows.exclude(perhaps=True).count()
    yield "after", rows.filter(moment__gte=YEAR).count()
    yield "on a day", rows.filter(moment__date__lt=YEAR.date()).count()
    yield "days", rows.filter(day__year__gte=2024).count()
    yield "mornings", rows.filter(clock__lt=NOON).count()
    yield "long", rows.filter(lasts__gt=datetime.timedelta(days=1)).count()
    yield "longest", rows.aggregate(x=Max("lasts"))["x"]
    yield "ends", [canonical(x) for x in rows.filter(moment__range=(YEAR, YEAR + datetime.timedelta(days=999)))
                   .annotate(end=F("moment") + F("lasts")).order_by("pk").values_list("end", flat=True)]
    yield "prices", rows.filter(price__lt=1000).aggregate(x=Sum("price"))["x"]
    yield "cheap", rows.filter(price__lt=1).count()
    yield "discounts", rows.aggregate(x=Min("discount"))["x"]
    yield "tokens", [canonical(x) for x in rows.order_by("pk").values_list("token", flat=True)[:10]]
    yield "by token", rows.filter(token__in=list(rows.values_list("token", flat=True)[:5])).count()
    yield "documents", rows.filter(settings__price__startswith="-").count()
    yield "settings", rows.filter(settings__price__isnull=False).count()
    yield "addresses", rows.filter(address="0.0.0.1").count()
    yield "bytes", rows.filter(seal=bytes(16)).count()
    yield "generated", rows.filter(double__gt=2**30).count()
    yield "names", rows.annotate(low=Lower("email")).filter(low__startswith="a").count()
    yield "months", rows.filter(created__isnull=False).annotate(m=TruncMonth("created")).values("m").distinct().count()
    yield "colours", sorted(map(list, rows.values_list("colour").annotate(n=Count("pk"))))
    yield "small", rows.filter(Q(small=5) | Q(integer__lt=0)).aggregate(x=Sum("small"))["x"]
    yield "places", Place.objects.filter(inside__inside__isnull=False).count()
    yield "rivals", Restaurant.objects.filter(rival__stars__gte=F("stars")).count()
    yield "dishes", Dish.objects.filter(restaurant__best=F("pk")).count()
    yield "seats", Seat.objects.filter(number__gte=0).values("restaurant").distinct().count()


class Command(BaseCommand):
    def handle(self, *args, **options):
        show({name: answer if isinstance(answer, list) else canonical(answer) for name, answer in questions()})
