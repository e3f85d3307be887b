import os

from pyramid.httpexceptions import HTTPForbidden, HTTPNotFound, HTTPSeeOther
from pyramid.response import FileResponse, Response
from pyramid.view import exception_view_config, notfound_view_config, view_config


@view_config(route_name="index", renderer="templates/index.jinja2")
def index(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return {"entries": request.registry.entries, "visits": request.session["visits"]}


@view_config(route_name="sign", request_method="POST", require_csrf=True)
def sign(request):
    number = request.registry.entries.add(request.POST["name"], request.POST["text"])
    request.session.flash("thank you, " + request.POST["name"])
    return HTTPSeeOther(request.route_url("entry", number=number))


@view_config(route_name="entry", renderer="string")
def entry(request):
    try:
        found = request.registry.entries[int(request.matchdict["number"])]
    except KeyError:
        raise HTTPNotFound("no such entry")
    return "%s: %s (%s)" % (found["name"], found["text"], "; ".join(request.session.pop_flash()))


@view_config(route_name="entries", renderer="json")
def entries(request):
    return {"entries": list(request.registry.entries), "method": request.method}


@view_config(route_name="rest", renderer="json")
def rest(request):
    return {
        "path": request.matchdict["path"],
        "query": sorted(request.GET.items()),
        "length": request.content_length,
        "body": request.body.decode(),
        "application": request.application_url,
    }


@view_config(route_name="download")
def download(request):
    return FileResponse(os.path.abspath(__file__), request=request, content_type="text/x-python")


@view_config(route_name="stream")
def stream(request):
    return Response(app_iter=(b"block %d\n" % i for i in range(1000)), content_type="text/plain")


@view_config(route_name="fail")
def fail(request):
    raise ValueError("on purpose")


@exception_view_config(ValueError, renderer="json")
def failed(error, request):
    request.response.status = 503
    return {"error": str(error)}


@notfound_view_config(renderer="string")
def missing(request):
    request.response.status = 404
    return "there is no " + request.path


@view_config(context=HTTPForbidden)
def forbidden(error, request):
    return error
