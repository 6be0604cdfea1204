"""What other packages put on the admin site and must not be there: rights and second factors are given by services only.

A page that edits groups, addresses or authenticators as plain rows would go round four eyes and the audit log.
"""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group

for model in (Group, EmailAddress, Authenticator):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
