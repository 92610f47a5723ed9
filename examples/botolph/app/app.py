"""Django's management commands (`migrate`, `createsuperuser`, …), and:

serve    serves the application
healthy  fails unless the address answers 200: the container's health check
"""

import os
import sys
import urllib.request

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
PORT = os.environ.get("PORT", "8080")


def serve():
    import waitress
    from django.core.wsgi import get_wsgi_application

    waitress.serve(get_wsgi_application(), host="0.0.0.0", port=int(PORT))


def healthy():
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{sys.argv[2]}", timeout=2):
        pass


def manage():
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    {"serve": serve, "healthy": healthy}.get(sys.argv[1], manage)()
