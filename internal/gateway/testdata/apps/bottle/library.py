"""Files and forms, with Bottle."""

import os

from bottle import Bottle, HTTPResponse, abort, redirect, request, response, static_file, template

HERE = os.path.dirname(os.path.abspath(__file__))
SECRET = "only for tests"

app = Bottle()


@app.hook("after_request")
def hooked():
    response.set_header("X-Hook", "after")


@app.get("/")
def index():
    visits = int(request.get_cookie("visits", secret=SECRET) or 0) + 1
    response.set_cookie("visits", str(visits), secret=SECRET, httponly=True)
    return template("index", visits=visits, template_lookup=[os.path.join(HERE, "views")])


@app.get("/hello/<name>")
def hello(name):
    response.content_type = "text/plain; charset=utf-8"
    return "Hello, %s!" % name


@app.post("/borrow")
def borrow():
    title = request.forms.getunicode("title")
    if not title:
        abort(400, "which one?")
    response.set_cookie("borrowed", "yes", path="/")
    redirect("/hello/" + request.forms.title.encode("utf-8").hex())


@app.post("/donate")
def donate():
    scan = request.files.get("scan")
    content = scan.file.read()
    return {"raw": scan.raw_filename, "size": len(content), "ends": content[-8:].decode("latin-1"), "donor": request.forms.donor}


@app.route("/raw", method=["POST", "PUT", "PATCH", "DELETE"])
def raw():
    return {"method": request.method, "length": request.content_length, "body": request.body.read().decode("latin-1")}


@app.get("/files/<path:path>")
def files(path):
    return static_file(path, root=os.path.join(HERE, "files"))


@app.get("/download/<path:path>")
def download(path):
    return static_file(path, root=os.path.join(HERE, "files"), download="a " + path)


@app.get("/blocks")
def blocks():
    response.content_type = "application/octet-stream"
    for i in range(64):
        yield bytes([i]) * 4096


@app.get("/teapot")
def teapot():
    return HTTPResponse("short and stout", status=418, headers={"X-Spout": "here"})


@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")


@app.error(404)
def missing(error):
    response.content_type = "text/plain"
    return "not on our shelves: " + request.path
