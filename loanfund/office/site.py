"""The admin site of the lender's own people."""

from django.contrib import admin


class OfficeSite(admin.AdminSite):
    site_header = "Loan fund office"
    site_title = "Loan fund office"
    index_title = "Today"
