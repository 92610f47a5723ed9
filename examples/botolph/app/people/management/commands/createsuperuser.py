import os
import pathlib
import secrets

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import createsuperuser
from django.core.management import CommandError


class Command(createsuperuser.Command):
    """Django's command without questions: by DJANGO_SUPERUSER_USERNAME, _EMAIL and _PASSWORD.

    Without a password it invents one, and puts it into the stack's files for the administrator to read and delete."""

    def handle(self, *arguments, **options):
        name = os.environ.setdefault("DJANGO_SUPERUSER_USERNAME", "admin")
        os.environ.setdefault("DJANGO_SUPERUSER_EMAIL", "admin@localhost")
        if get_user_model().objects.filter(username=name).exists():
            raise CommandError(f"the administrator {name} exists already")
        if "DJANGO_SUPERUSER_PASSWORD" not in os.environ:
            os.environ["DJANGO_SUPERUSER_PASSWORD"] = self.invent_password()
        super().handle(*arguments, **options | {"interactive": False})

    def invent_password(self):
        password = secrets.token_urlsafe(18)
        file = pathlib.Path(settings.FILES) / "admin-password"
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
            opened.write(f"{password}\n")
        self.stdout.write(f"the password is in {file.name}: read it, and delete the file")
        return password
