"""Which face answers where."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from loanfund import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("account/", include("allauth.urls")),
    path("office/", admin.site.urls),
    path("api/v1/", include("loanfund.api.urls")),
    path("", include("loanfund.portal.urls")),
]
