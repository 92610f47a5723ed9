from django.db import migrations, models


def copy_names(apps, _schema):
    apps.get_model("people", "Person").objects.update(display_name=models.F("user_name"))


class Migration(migrations.Migration):
    """Breaking: an image that does not know these columns cannot work with this database."""

    dependencies = [("people", "0001_people")]
    operations = [
        migrations.RenameField("person", "name", "user_name"),
        migrations.AddField("person", "display_name", models.CharField(max_length=100, default="")),
        migrations.RunPython(copy_names, migrations.RunPython.noop),
    ]
