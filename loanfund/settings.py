"""Every setting, from the environment, in one place.

A variable X may instead be given as X_FILE, the path of a file that holds its value (a mounted secret). Beneath the
real environment lies `var/env`, which the launcher writes for `make run`, so that `manage.py` finds the same servers.
A missing or wrong value stops the start with a sentence that says what to do.
"""

import os
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import environ
import sentry_sdk
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.FileAwareEnv()


def read_env_file(path: Path) -> None:
    """Takes from a file of NAME=value lines what the real environment gives in neither form, X or X_FILE."""
    lines = path.read_text().splitlines() if path.is_file() else []
    given = {name.removesuffix("_FILE") for name in os.environ}
    for name, value in (line.split("=", 1) for line in lines if "=" in line):
        if name.removesuffix("_FILE") not in given:
            os.environ[name] = value


read_env_file(Path(os.environ.get("ENV_FILE", VAR_DIR / "env")))


def required(name: str, what: str) -> str:
    """The value of a variable that has no safe default; `what` completes the sentence shown when it is absent."""
    value = str(env.str(name, default="")).strip()
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Set {name}, or {name}_FILE to a file that holds it: {what} "
            "For a try-out, `make run` sets everything by itself."
        )
    return value


def positive_int(name: str, default: int) -> int:
    text = str(env.str(name, default=str(default)))
    if not text.isdigit() or int(text) == 0:
        raise ImproperlyConfigured(f"{name} is {text!r}. Set it to a whole number above zero.")
    return int(text)


# --- Who we are ---

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = required("SECRET_KEY", "at least 50 random characters that sign sessions and tokens.")
if not DEBUG and len(SECRET_KEY) < 50:
    raise ImproperlyConfigured(
        f"SECRET_KEY has {len(SECRET_KEY)} characters. Give it at least 50: "
        'python -c "import secrets; print(secrets.token_urlsafe(50))" makes one.'
    )

BASE_URL = str(env.str("BASE_URL", default="http://localhost:8000")).rstrip("/")
_base = urlsplit(BASE_URL)
if _base.scheme not in {"http", "https"} or not _base.hostname:
    raise ImproperlyConfigured(
        f"BASE_URL is {BASE_URL!r}. Set it to the address people type, like https://fund.example."
    )
if _base.scheme == "http" and not DEBUG and _base.hostname != "localhost":
    raise ImproperlyConfigured(
        "BASE_URL starts with http://. Outside of DEBUG people sign in over https:// only."
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[_base.hostname])
CSRF_TRUSTED_ORIGINS = [f"{_base.scheme}://{_base.netloc}"]

# --- Servers ---

APP_ROLE = str(env.str("APP_ROLE", default="loanfund_app"))
"""The database role of the web server and the workers. It owns nothing; migrations grant to it and revoke from it."""

_database_url = required("DATABASE_URL", "such as postgres://loanfund_app@db.example/loanfund.")
DATABASES = {"default": env.db_url_config(_database_url)}
if not str(DATABASES["default"]["ENGINE"]).endswith(".postgresql"):
    raise ImproperlyConfigured(
        "DATABASE_URL names another kind of database. Only PostgreSQL, 15 or later, will do."
    )
if env.str("DATABASE_PASSWORD", default=""):
    DATABASES["default"]["PASSWORD"] = str(env.str("DATABASE_PASSWORD")).strip()
DATABASES["default"].update(
    CONN_MAX_AGE=positive_int("DATABASE_KEEP_SECONDS", 60),
    CONN_HEALTH_CHECKS=True,
    ATOMIC_REQUESTS=False,
)
DATABASES["default"].setdefault("OPTIONS", {}).update(connect_timeout=5, application_name="loanfund")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = required("REDIS_URL", "such as redis://redis.example:6379/0.")
_redis = urlsplit(REDIS_URL)
if _redis.scheme not in {"redis", "rediss", "unix"}:
    raise ImproperlyConfigured(
        f"REDIS_URL starts with {_redis.scheme!r}. Use redis://, rediss:// or unix:///path?db=0."
    )
_redis_number = int(
    parse_qs(_redis.query).get("db", ["0"])[0] if _redis.scheme == "unix" else (_redis.path.strip("/") or "0")
)


def redis_address(number: int, *, broker: bool = False) -> str:
    """The address of one numbered database on the Redis server, as Django writes it or as Celery's broker does."""
    if _redis.scheme != "unix":
        return _redis._replace(path=f"/{number}").geturl()
    if broker:
        return f"redis+socket://{quote(_redis.path)}?virtual_host={number}"
    return f"unix://{_redis.path}?db={number}"


# The queue and the cache have a numbered database each: clearing the cache must not empty the queue.
CELERY_BROKER_URL = redis_address(_redis_number, broker=True)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_address(_redis_number + 1),
        "OPTIONS": {"socket_timeout": 5, "socket_connect_timeout": 5},
    }
}

# --- Apps ---

AUTH_USER_MODEL = "parties.User"
INSTALLED_APPS = [
    "django_prometheus",
    "loanfund.office.apps.OfficeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.forms",
    "pgtrigger",
    "pghistory",
    "djmoney",
    "rules.apps.AutodiscoverRulesConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_htmx",
    "csp",
    "django_structlog",
    "loanfund.audit",
    "loanfund.parties",
    "loanfund.reference",
    "loanfund.ledger",
    "loanfund.facilities",
    "loanfund.origination",
    "loanfund.servicing",
    "loanfund.reporting",
    "loanfund.portal",
    "loanfund.api",
    "loanfund.office.apps.OfficeConfig",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "loanfund.parties.middleware.NoNullCharacters",
    "django_htmx.middleware.HtmxMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "loanfund.urls"
WSGI_APPLICATION = "loanfund.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
# Forms and widgets are drawn by our own templates where we have one.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

# --- Language, time, money ---

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- Files ---

STATIC_URL = "static/"
_collected = env.bool("COLLECTED_STATIC", default=not DEBUG)
STATIC_ROOT = env.str("STATIC_ROOT", default=str(VAR_DIR / "static")) if _collected else None
STATICFILES_DIRS = [BASE_DIR / "static"]
DOCUMENTS_ROOT = Path(env.str("DOCUMENTS_ROOT", default=str(VAR_DIR / "documents")))
"""Uploaded papers and produced statements: private, served only by views that check a right."""
MEDIA_ROOT = DOCUMENTS_ROOT
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _collected
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not _collected
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
UPLOAD_MAX_BYTES = positive_int("UPLOAD_MAX_BYTES", 20 * 1024 * 1024)
CLAMD_ADDRESS = str(env.str("CLAMD_ADDRESS", default=""))
"""host:port or a socket's path of a virus scanner that speaks INSTREAM; empty means that none is asked."""

# --- Signing in ---

AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "loanfund.parties.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "loanfund.parties.forms.PersonForm"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
# Changing the address one signs in with asks for the password, or for the second factor of whoever has one.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _base.scheme
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Browsers and fido2 take http://localhost for a secure origin, so a try-out needs nothing laxer: a passkey made for one
# origin is never believed from another.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
MFA_FORMS = {
    "authenticate": "loanfund.parties.codes.SigningInForm",
    "reauthenticate": "loanfund.parties.codes.ConfirmingForm",
    "activate_totp": "loanfund.parties.codes.SettingUpForm",
    "add_webauthn": "loanfund.parties.codes.KeyForm",
}
MFA_TOTP_ISSUER = "Loan fund"
# A code typed in its last second, or by a slow clock, still counts; each counts once only (loanfund.parties.codes).
MFA_TOTP_TOLERANCE = 1
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"

SESSION_COOKIE_AGE = positive_int("SESSION_SECONDS", 8 * 3600)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
_https = _base.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = _https and env.bool("REDIRECT_TO_HTTPS", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Enforced, on every page of every face: no inline script, no inline style, nothing from elsewhere.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# --- Mail ---

DEFAULT_FROM_EMAIL = str(env.str("MAIL_FROM", default="")) or f"Loan fund <fund@{_base.hostname}>"
SERVER_EMAIL = DEFAULT_FROM_EMAIL
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url_config(str(env.str("EMAIL_URL"))))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR_DIR / "mail"
EMAIL_TIMEOUT = 5

# --- API ---

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Loan fund",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Watching ---

METRICS_TOKEN = str(env.str("METRICS_TOKEN", default=""))
"""/metrics answers only to `Authorization: Bearer` with this; empty means that there is no /metrics."""
PROMETHEUS_EXPORT_MIGRATIONS = False
STARTED_AT = float(env.str("STARTED_AT", default="0"))
"""Unix time of the launcher's start: a sign of life from before it belongs to a run that has ended."""
SENTRY_DSN = str(env.str("SENTRY_DSN", default=""))
if SENTRY_DSN:
    # Names, addresses and figures of partners stay here: an error report carries none of a request's contents.
    sentry_sdk.init(
        SENTRY_DSN, send_default_pii=False, max_request_body_size="never", include_local_variables=False
    )
LOG_LEVEL = str(env.str("LOG_LEVEL", default="INFO")).upper()
DJANGO_STRUCTLOG_CELERY_ENABLED = True

_shared_processors: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
]
structlog.configure(
    processors=[
        *_shared_processors,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": [*_shared_processors, structlog.processors.format_exc_info],
        },
    },
    "filters": {
        # Asked every few seconds by every watcher, they would drown the rest.
        "no_health_checks": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: (
                not {"/healthz", "/readyz"} & set(str(record.msg).replace("'", " ").split())
            ),
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["no_health_checks"]},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # Django's own handlers would print the same once more, as text.
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("django", "django.server")}
    # A scanner that knocks under a wrong name is not an error of ours.
    | {"django.security.DisallowedHost": {"level": "CRITICAL"}},
}
