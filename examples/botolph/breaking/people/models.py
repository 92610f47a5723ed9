from django.db import models


class Person(models.Model):
    user_name = models.CharField(max_length=100, unique=True)
    display_name = models.CharField(max_length=100, default="")
