"""People who sign in, and the base of every row that one person proposes and another decides."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now


class UserManager(BaseUserManager["User"]):
    """Makes users who sign in with their e-mail address, kept in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in, at a partner or at the lender. Rights come from groups and memberships."""

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="may sign in to the lender's desk")
    joined_at = models.DateTimeField(db_default=Now())

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]

    class Meta:
        ordering: ClassVar = ["email"]
        constraints: ClassVar = [
            # With every address in lower case, unique means unique whatever the case it is typed in.
            models.CheckConstraint(condition=Q(email=Lower("email")), name="parties_user_email_lower"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] or self.email


class FourEyes(models.Model):
    """One person proposes, another decides: never the same, whoever they are. Held by the database.

    `proposed_digest` is the digest of what the maker put forward; the checker's call carries the one they saw.
    """

    maker = models.ForeignKey("parties.User", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    checker = models.ForeignKey(
        "parties.User", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    proposed_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(checker__isnull=True) | ~Q(checker=F("maker")),
                name="%(app_label)s_%(class)s_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(checker__isnull=True) ^ Q(checked_at__isnull=False),
                name="%(app_label)s_%(class)s_checked_at_with_checker",
            ),
        ]
