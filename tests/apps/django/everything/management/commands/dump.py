"""manage.py dump: every object of every model, as the ORM gives it."""

import json

from commands import canonical, show
from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import models
from django.db.models.fields.files import FieldFile


def value(row, field):
    found = field.value_from_object(row)
    if isinstance(field, models.JSONField):
        return "json " + json.dumps(found, sort_keys=True)
    return canonical(str(found) if isinstance(found, FieldFile) else found)


def objects(model):
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.CompositePrimaryKey)]
    rows = [{field.name: value(row, field) for field in fields} for row in model.objects.all()]
    return sorted(rows, key=lambda row: [row[field.name] for field in fields if field.primary_key] or str(row))


class Command(BaseCommand):
    def handle(self, *args, **options):
        models = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]
        show({model._meta.label: objects(model) for model in models})
