import django
from django.conf import settings

import common

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "django",
            "HOST": common.HOST,
            "PORT": common.PORT,
            "USER": common.USER,
        }
    },
    INSTALLED_APPS=["django.contrib.postgres"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import connection, migrations, models  # noqa: E402
from django.db.models import Avg, Sum  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from pgvector import HalfVector, SparseVector  # noqa: E402
from pgvector.django import (  # noqa: E402
    BitField, CosineDistance, HalfVectorField, HammingDistance, HnswIndex, IvfflatIndex, JaccardDistance, L1Distance,
    L2Distance, MaxInnerProduct, SparseVectorField, VectorExtension, VectorField,
)

DISTANCES = {"<->": L2Distance, "<#>": MaxInnerProduct, "<=>": CosineDistance, "<+>": L1Distance}
BIT_DISTANCES = {"<~>": HammingDistance, "<%>": JaccardDistance}


class Item(models.Model):
    v = VectorField(dimensions=3, null=True)
    h = HalfVectorField(dimensions=3, null=True)
    s = SparseVectorField(dimensions=3, null=True)
    b = BitField(length=3, null=True)

    class Meta:
        app_label = "clients"


INDEXES = [
    HnswIndex(name=f"by_{name}", fields=[column], m=16, ef_construction=64, opclasses=[name])
    for column, name in common.INDEXES
] + [HnswIndex(name="with_keys", fields=["v", "id"], opclasses=["vector_l2_ops", "int8_ops"]), IvfflatIndex(name="lists", fields=["v"], lists=100, opclasses=["vector_l2_ops"])]


class Migration(migrations.Migration):
    initial = True
    operations = [
        VectorExtension(),
        migrations.CreateModel(
            "Item",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("v", VectorField(dimensions=3, null=True)),
                ("h", HalfVectorField(dimensions=3, null=True)),
                ("s", SparseVectorField(dimensions=3, null=True)),
                ("b", BitField(length=3, null=True)),
            ],
        ),
    ] + [migrations.AddIndex("item", index) for index in INDEXES]


def test(checks):
    common.create_database("django")
    migration = Migration("initial", "clients")
    loader = MigrationLoader(connection, replace_migrations=False)
    with connection.schema_editor() as editor:
        migration.apply(loader.project_state(), editor)
    for id, row in common.ROWS.items():
        Item(id=id, v=row, h=row, s=SparseVector(row), b=common.BITS[id]).save()
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
    for id, row in common.ROWS.items():
        item = Item.objects.get(pk=id)
        found = list(item.v), list(item.h), item.s, item.b
        checks.equal(f"reads row {id}", found, (row, row, SparseVector(row), common.BITS[id]))
    queries = {"v": common.QUERY, "h": HalfVector(common.QUERY), "s": SparseVector(common.QUERY)}
    for column, query in queries.items():
        for operator, expected in common.NEAREST.items():
            found = Item.objects.order_by(DISTANCES[operator](column, query))[:3]
            checks.equal(f"{column} {operator}", [item.id for item in found], expected)
    for operator, expected in common.NEAREST_BITS.items():
        found = Item.objects.order_by(BIT_DISTANCES[operator]("b", common.BIT_QUERY))
        checks.equal(f"b {operator}", [item.id for item in found], expected)
    sums = Item.objects.aggregate(Avg("v"), Sum("h"))
    checks.near("avg", list(sums["v__avg"]), common.AVERAGE)
    checks.near("sum", list(sums["h__sum"]), common.SUM)
    near = Item.objects.alias(d=L2Distance("v", common.QUERY)).filter(d__lt=1.5).order_by("d")
    checks.equal("filter by distance", [item.id for item in near], [1, 3])
    found = Item.objects.filter(id__gt=1).annotate(d=CosineDistance("v", common.QUERY)).order_by("d")[:5]
    checks.equal("filter", [item.id for item in found], [2, 3])


common.Checks("Django").run(test)
