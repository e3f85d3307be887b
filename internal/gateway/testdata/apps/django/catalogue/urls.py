from django.urls import path

from . import views

app_name = "catalogue"
urlpatterns = [
    path("", views.index, name="index"),
    path("products/add", views.add, name="add"),
    path("products/<int:pk>/sheet", views.sheet, name="sheet"),
    path("products.csv", views.csv, name="csv"),
    path("fail", views.fail, name="fail"),
]
