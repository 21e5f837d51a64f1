"""Random transactions through the ORM: every table, every kind of statement that the ORM makes."""

import datetime

from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.db import IntegrityError, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Now
from values import LONG, Values

from .models import (
    Bistro,
    Defaults,
    Dish,
    Ingredient,
    Licence,
    Place,
    Portion,
    Restaurant,
    Scalars,
    Seat,
    Tag,
)

UTC = datetime.timezone.utc
TABLE_LIMIT = 150


class Writer:
    def __init__(self, rng):
        self.rng = rng
        self.values = Values(rng)
        self.deeds = [
            self.new_scalars, self.new_scalars, self.change_scalars, self.change_scalars, self.upsert_scalars,
            self.add_in_sql, self.defaults, self.tag, self.place, self.restaurant, self.licence, self.ingredient,
            self.dish, self.portion, self.reorder, self.seat, self.user, self.session, self.near, self.remove,
        ]

    def transaction(self, deeds=None):
        """Some deeds; those that a constraint refuses are rolled back alone."""
        try:
            with transaction.atomic():
                for _ in range(deeds or self.rng.randint(1, 6)):
                    try:
                        with transaction.atomic():
                            self.rng.choice(self.deeds)()
                    except (IntegrityError, models.ProtectedError):
                        pass
                if deeds is None and self.rng.random() < 0.1:
                    raise ChangedMyMind
        except ChangedMyMind:
            pass

    def any(self, model, **filters):
        keys = model.objects.filter(**filters).order_by("pk").values_list("pk", flat=True)
        count = keys.count()
        return model.objects.get(pk=keys[self.rng.randrange(count)]) if count else None

    def scalars(self):
        v = self.values
        return {
            "yes": self.rng.random() < 0.5,
            "perhaps": self.rng.choice([None, True, False]),
            "name": self.rng.choice([v.full(40), v.text(40)]),
            "colour": self.rng.choice(Scalars.Colour.values),
            "text": v.text(),
            "endless": v.maybe(v.text(300)),
            "email": f"{v.name(8)}@example.com",
            "url": f"https://example.com/{v.name(8)}",
            "small": self.rng.choice(Scalars.Level.values),
            "integer": v.maybe(v.integer(-(2**31), 2**31 - 1)),
            "big": v.integer(-LONG - 1, LONG),
            "positive_small": v.integer(0, 2**15 - 1),
            "positive": v.integer(0, 2**31 - 1),
            "positive_big": v.integer(0, LONG),
            "real": v.real(),
            "price": v.decimal(12, 4, low=0),
            "discount": v.maybe(v.decimal(5, 2)),
            "units": v.decimal(10, 0),
            "day": v.maybe(v.day()),
            "moment": v.maybe(v.moment(UTC)),
            "clock": v.clock(),
            "lasts": v.span(),
            "waits": v.maybe(v.span()),
            "partner": v.maybe(v.uuid()),
            "document": self.rng.choice([v.document(), Value(None, models.JSONField())]),
            "settings": v.maybe({"at": v.moment(UTC), "price": v.decimal(6, 2), "id": v.uuid()}),
            "binary": v.blob(),
            "seal": v.maybe(v.blob(16)),
            "address": v.maybe(v.address()),
            "address4": v.maybe(v.address([4])),
            "file": f"files/{v.full(5)}.txt",
            "image": self.rng.choice(["", "images/a.png"]),
            "path": self.rng.choice(["", "/usr/share/doc"]),
        }

    def new_scalars(self):
        v = self.values
        Scalars.objects.create(slug=v.name(50).lower(), token=v.uuid(), **self.scalars())

    def change_scalars(self):
        row = self.any(Scalars)
        if row:
            chosen = self.rng.sample(sorted(self.scalars().items(), key=lambda pair: pair[0]), self.rng.randint(1, 8))
            for name, value in chosen:
                setattr(row, name, value)
            row.save()

    def upsert_scalars(self):
        """INSERT .. ON CONFLICT DO UPDATE and DO NOTHING."""
        now, row = datetime.datetime.now(UTC), self.any(Scalars)
        slugs = [self.values.name(50), row.slug if row else self.values.name(50)]
        new = [Scalars(slug=s, token=self.values.uuid(), created=now, updated=now, **self.scalars()) for s in slugs]
        if self.rng.random() < 0.5:
            changed = ["big", "text", "document", "binary", "lasts"]
            Scalars.objects.bulk_create(new, update_conflicts=True, unique_fields=["slug"], update_fields=changed)
        else:
            Scalars.objects.bulk_create(new, ignore_conflicts=True)

    def add_in_sql(self):
        """UPDATEs of many rows, computed by the database."""
        rows = Scalars.objects.filter(positive__lt=2**30, price__lt=10**7)
        rows.filter(small=self.rng.choice(Scalars.Level.values)).update(positive=F("positive") + 1, yes=~F("yes"))
        rows.filter(small=self.rng.choice(Scalars.Level.values)).update(updated=Now())
        Defaults.objects.filter(count__lt=10**6).update(count=F("count") + 1)

    def defaults(self):
        """On SQLite the database writes three digits behind the seconds, and save() none or six of the same moment."""
        Defaults.objects.create()
        Defaults.objects.create(said=self.values.text(20), count=self.values.integer(-5, 5), ready=False)
        row = self.any(Defaults)
        row.born = self.rng.choice([row.born, self.values.moment(UTC)])
        row.save()
        Defaults.objects.filter(pk=self.any(Defaults).pk).update(born=Now())

    def tag(self):
        target = self.any(self.rng.choice([Scalars, Dish, Place, Ingredient, Group]))
        if target:
            Tag.objects.create(word=self.values.text(30), target=target)

    def place(self):
        Place.objects.create(name=self.values.text(50), inside=self.values.maybe(self.any(Place)))

    def restaurant(self):
        fields = {"name": self.values.text(50), "stars": self.rng.randint(0, 5), "rival": self.any(Restaurant)}
        made = self.rng.choice([Restaurant, Bistro]).objects.create(**fields)
        made.best = self.any(Dish)
        made.save()

    def licence(self):
        restaurant = self.any(Restaurant, licence=None)
        if restaurant:
            inspector = self.values.maybe(self.any(User, licence=None))
            Licence.objects.create(restaurant=restaurant, number=self.values.name(20), inspector=inspector)

    def ingredient(self):
        Ingredient.objects.create(code=self.values.name(12), label=self.values.name(40))

    def dish(self):
        sample = self.values.maybe(self.any(Scalars))
        dish = Dish.objects.create(
            id=self.values.uuid(), restaurant=self.values.maybe(self.any(Restaurant)), sample=sample, ghost=sample
        )
        user = self.any(User)
        if user:
            dish.fans.add(user)

    def portion(self):
        dish, ingredient = self.any(Dish), self.any(Ingredient)
        if dish and ingredient:
            grams = self.values.decimal(7, 1, low=0)
            Portion.objects.update_or_create(dish=dish, ingredient=ingredient, defaults={"grams": grams})

    def reorder(self):
        restaurant = self.any(Restaurant)
        if restaurant:
            order = list(restaurant.get_dish_order())
            self.rng.shuffle(order)
            restaurant.set_dish_order(order)

    def seat(self):
        restaurant = self.any(Restaurant)
        if restaurant:
            number = self.values.integer(-(2**15), 2**15 - 1)
            Seat.objects.update_or_create(
                restaurant=restaurant, number=number, defaults={"taken_by": self.values.maybe(self.any(User))}
            )

    def user(self):
        user = User.objects.create(username=self.values.name(150), first_name=self.values.text(150))
        user.set_unusable_password()
        user.last_login = self.values.maybe(self.values.moment(UTC))
        user.save()
        group, _ = Group.objects.get_or_create(name=self.values.text(10))
        user.groups.set([group])
        group.permissions.set(Permission.objects.order_by("pk")[: self.rng.randint(0, 4)])
        user.user_permissions.add(Permission.objects.order_by("-pk").first())

    def session(self):
        session = SessionStore()
        session["basket"] = [self.values.name(8) for _ in range(3)]
        session.create()

    def near(self):
        a, b = self.any(Place), self.any(Place)
        if a and b:
            self.rng.choice([a.near.add, a.near.remove])(b)

    def remove(self):
        """The ORM itself deletes or empties what points here."""
        model = self.rng.choice(
            [Scalars, Defaults, Tag, Place, Restaurant, Licence, Ingredient, Dish, Portion, Seat, User, Group]
        )
        row = self.any(model)
        if row:
            row.delete()
        if Scalars.objects.count() > TABLE_LIMIT:
            Scalars.objects.filter(pk__in=list(Scalars.objects.values_list("pk", flat=True)[:30])).delete()


class ChangedMyMind(Exception):
    """Rolls a whole transaction back."""


def fill(rng, transactions):
    """Something of everything to begin with, in a few large transactions."""
    writer = Writer(rng)
    ContentType.objects.clear_cache()
    for _ in range(transactions):
        writer.transaction(deeds=40)
    for model in [Scalars, Defaults, Tag, Bistro, Licence, Ingredient, Dish, Portion, Seat, User, Group]:
        assert model.objects.count() > 0, f"nothing in {model.__name__}"
