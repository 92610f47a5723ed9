from django.urls import path

from people import views

urlpatterns = [path("", views.status), path("healthz", views.status), path("people", views.add)]
