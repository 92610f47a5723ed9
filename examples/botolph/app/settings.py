"""Settings from the environment that Slipway's blueprints give, on this machine and on AWS."""

import os
import secrets

# The load balancer passes the host on that people typed, and checks health by address.
ALLOWED_HOSTS = ["*"]
# On AWS it is a generated secret of the stack. Without one, sessions end with the process.
SECRET_KEY = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(50)
FILES = os.environ.get("FILES", "files")
READ_ONLY = os.environ.get("READ_ONLY") == "true"

if os.environ.get("DATABASE_ENGINE") == "postgres":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["DATABASE_HOST"],
            "PORT": os.environ["DATABASE_PORT"],
            "NAME": os.environ["DATABASE_NAME"],
            "USER": os.environ["DATABASE_USER"],
            "PASSWORD": os.environ["DATABASE_PASSWORD"],
            "CONN_HEALTH_CHECKS": True,
            "CONN_MAX_AGE": 60,
        }
    }
else:
    path = os.environ.get("DATABASE_PATH", "database.db")
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": {"timeout": 10}}}

# Mail goes through SES where the stack has a domain for it, and else into files.
if os.environ.get("EMAIL_DOMAIN"):
    EMAIL_BACKEND = "django_ses.SESBackend"
    DEFAULT_FROM_EMAIL = f"botolph@{os.environ['EMAIL_DOMAIN']}"
    USE_SES_V2 = True
    AWS_SES_CONFIGURATION_SET = os.environ.get("EMAIL_CONFIGURATION_SET")
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = os.path.join(FILES, "mail")
    DEFAULT_FROM_EMAIL = "botolph@localhost"

# The first one's commands count: createsuperuser is ours.
INSTALLED_APPS = ["people", "django.contrib.auth", "django.contrib.contenttypes"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "people.urls"
USE_TZ = True
TIME_ZONE = "UTC"
