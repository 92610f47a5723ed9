import json

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db import connection
from django.http import JsonResponse
from django.views.decorators.http import require_GET, require_POST

from people.models import Person

# The first field after the key: what a breaking migration renames.
NAME = Person._meta.fields[1].name


@require_GET
def status(_request):
    return JsonResponse({
        "people": Person.objects.count(),
        "admins": get_user_model().objects.filter(is_superuser=True).count(),
        "column": NAME,
        "database": connection.vendor,
        "read_only": settings.READ_ONLY,
    })


@require_POST
def add(request):
    """Adds a person, and sends an invitation to the address of {"name": "…", "email": "…"}."""
    if settings.READ_ONLY:
        return JsonResponse({"error": "nothing can be changed at the moment: try again later"}, status=503)
    try:
        body = json.loads(request.body)
        name, email = body["name"], body["email"]
    except (ValueError, TypeError, KeyError):
        return JsonResponse({"error": 'send {"name": "…", "email": "…"}'}, status=400)
    if not (isinstance(name, str) and 1 <= len(name) <= 100 and isinstance(email, str) and "@" in email):
        return JsonResponse({"error": "name has 1 to 100 characters, email is an address"}, status=400)
    _, is_new = Person.objects.get_or_create(**{NAME: name})
    if is_new:
        send_mail("Welcome", f"{name}, you are invited.", None, [email])
    return JsonResponse({"name": name}, status=201 if is_new else 200)
