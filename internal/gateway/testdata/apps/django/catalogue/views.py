from django.contrib import messages
from django.http import FileResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from .forms import ProductForm
from .models import Product


@require_safe
def index(request):
    visits = request.session["visits"] = request.session.get("visits", 0) + 1
    return render(request, "catalogue/index.html", {"products": Product.objects.all(), "visits": visits})


def add(request):
    form = ProductForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        product = form.save()
        messages.success(request, "%s was added" % product)
        return redirect("catalogue:index")
    return render(request, "catalogue/add.html", {"form": form}, status=422 if form.is_bound else 200)


def sheet(request, pk):
    product = get_object_or_404(Product, pk=pk)
    return FileResponse(product.sheet.open("rb"), as_attachment=True, filename=product.name + ".txt")


def csv(request):
    def rows():
        yield "name,price\r\n"
        for product in Product.objects.iterator():
            yield "%s,%s\r\n" % (product.name, product.price)

    return StreamingHttpResponse(rows(), content_type="text/csv")


def fail(request):
    raise RuntimeError("on purpose")
