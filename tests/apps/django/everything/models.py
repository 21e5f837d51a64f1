"""At least one field of every kind that Django has on both SQLite and PostgreSQL, and every way to relate tables."""

import uuid

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Cast, Lower, Now, Upper


class Stamped(models.Model):
    """Abstract, as most projects have one."""

    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Scalars(Stamped):
    """A column of every kind that holds one value."""

    class Level(models.IntegerChoices):
        LOW = 1
        MIDDLE = 5
        HIGH = 9

    class Colour(models.TextChoices):
        RED = "red"
        DEEP_BLUE = "deep blue"

    yes = models.BooleanField(default=False)
    perhaps = models.BooleanField(null=True)
    name = models.CharField(max_length=40, db_index=True)
    colour = models.CharField(max_length=10, choices=Colour, default=Colour.RED)
    slug = models.SlugField(unique=True)
    text = models.TextField(blank=True)
    endless = models.CharField(max_length=300, null=True)
    email = models.EmailField(blank=True)
    url = models.URLField(blank=True)
    small = models.SmallIntegerField(choices=Level, default=Level.LOW)
    integer = models.IntegerField(null=True)
    big = models.BigIntegerField()
    positive_small = models.PositiveSmallIntegerField()
    positive = models.PositiveIntegerField()
    positive_big = models.PositiveBigIntegerField()
    real = models.FloatField()
    price = models.DecimalField(max_digits=12, decimal_places=4)
    discount = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    units = models.DecimalField(max_digits=10, decimal_places=0, default=0)
    day = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    clock = models.TimeField()
    lasts = models.DurationField()
    waits = models.DurationField(null=True)
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    partner = models.UUIDField(null=True)
    document = models.JSONField(default=dict)
    settings = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    binary = models.BinaryField()
    seal = models.BinaryField(max_length=16, null=True, editable=True)
    address = models.GenericIPAddressField(null=True)
    address4 = models.GenericIPAddressField(protocol="IPv4", null=True)
    file = models.FileField(upload_to="files", blank=True)
    image = models.ImageField(upload_to="images", blank=True)
    path = models.FilePathField(path="/usr/share", blank=True)
    double = models.GeneratedField(
        expression=Cast("positive", models.BigIntegerField()) * 2,
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    shouted = models.GeneratedField(
        expression=Upper("slug"), output_field=models.CharField(max_length=60), db_persist=True
    )

    class Meta:
        indexes = [
            models.Index(fields=["colour", "-big"], name="scalars_colour_big"),
            models.Index(fields=["day"], condition=models.Q(yes=True), name="scalars_day_yes"),
            models.Index(Lower("name"), name="scalars_name_lower"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="scalars_price_positive"),
            models.UniqueConstraint(
                fields=["positive_big"], condition=models.Q(perhaps=True), name="scalars_one_perhaps"
            ),
        ]


class Defaults(models.Model):
    """Columns whose defaults the database gives (`db_default`), and the moment by the ORM as well."""

    id = models.AutoField(primary_key=True)
    said = models.CharField(max_length=20, db_default="it's \"so\"")
    count = models.IntegerField(db_default=7)
    ratio = models.FloatField(db_default=0.5)
    ready = models.BooleanField(db_default=True)
    nothing = models.CharField(max_length=20, db_default="")
    born = models.DateTimeField(db_default=Now(), editable=False)


class Tag(models.Model):
    """Any object of any table can have one; keys of 16 bits."""

    id = models.SmallAutoField(primary_key=True)
    word = models.CharField(max_length=30)
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.CharField(max_length=40)
    target = GenericForeignKey()

    class Meta:
        unique_together = [("word", "content_type", "object_id")]
        indexes = [models.Index(fields=["content_type", "object_id"])]


class Place(models.Model):
    """The parent of two tables, and a tree."""

    name = models.CharField(max_length=50)
    note = models.CharField(max_length=20, default="none")
    inside = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="places")
    near = models.ManyToManyField("self", blank=True)


class Restaurant(Place):
    """Multi-table inheritance: the key is the parent's."""

    stars = models.PositiveSmallIntegerField(default=0)
    rival = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)
    best = models.ForeignKey("Dish", null=True, on_delete=models.SET_NULL, related_name="best_of")


class Bistro(Restaurant):
    """Two levels deep."""

    terrace = models.BooleanField(default=True)


class Licence(models.Model):
    """One to one, and no key of its own."""

    restaurant = models.OneToOneField(Restaurant, on_delete=models.CASCADE, primary_key=True)
    number = models.CharField(max_length=20, unique=True)
    inspector = models.OneToOneField(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)


class Ingredient(models.Model):
    """A key that is text, and unequal letters that are equal in lower case are refused."""

    code = models.CharField(max_length=12, primary_key=True)
    label = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("label"), name="ingredient_label_lower")]


class Dish(models.Model):
    """A key that is a UUID; points at the restaurant that points back (a circle)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    restaurant = models.ForeignKey(Restaurant, null=True, on_delete=models.CASCADE)
    sample = models.ForeignKey(Scalars, null=True, on_delete=models.SET_NULL, to_field="slug")
    ghost = models.ForeignKey(Scalars, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    ingredients = models.ManyToManyField(Ingredient, through="Portion")
    fans = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True)

    class Meta:
        order_with_respect_to = "restaurant"


class Portion(models.Model):
    """The table between two others, with a column of its own, under a name that must be quoted."""

    dish = models.ForeignKey(Dish, on_delete=models.CASCADE)
    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT)
    grams = models.DecimalField(max_digits=7, decimal_places=1, db_column="Grams net")

    class Meta:
        db_table = "Portion of Dish"
        constraints = [models.UniqueConstraint(fields=["dish", "ingredient"], name="portion_once")]


class Seat(models.Model):
    """A key of two columns."""

    pk = models.CompositePrimaryKey("restaurant_id", "number")
    restaurant = models.ForeignKey(Restaurant, on_delete=models.CASCADE)
    number = models.SmallIntegerField()
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)


class Terrace(Place):
    """No table, but a content type and permissions."""

    class Meta:
        proxy = True
