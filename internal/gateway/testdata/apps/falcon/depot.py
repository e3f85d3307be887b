"""A depot of things, with Falcon."""

import hashlib
import io
import json

import falcon


class Trace:
    def process_request(self, req, resp):
        req.context.steps = ["request"]

    def process_resource(self, req, resp, resource, params):
        req.context.steps.append(type(resource).__name__)

    def process_response(self, req, resp, resource, req_succeeded):
        resp.set_header("X-Steps", " ".join(req.context.steps + ["succeeded" if req_succeeded else "failed"]))


class Things:
    def __init__(self):
        self._things = {}

    def on_get(self, req, resp):
        resp.media = sorted(self._things.values(), key=lambda thing: thing["id"])
        resp.append_link("/things?page=2", "next")

    def on_post(self, req, resp):
        thing = req.get_media()
        if not isinstance(thing, dict) or "name" not in thing:
            raise falcon.HTTPUnprocessableEntity(title="A thing has a name")
        thing["id"] = len(self._things) + 1
        self._things[thing["id"]] = thing
        resp.status = falcon.HTTP_CREATED
        resp.location = "/things/%d" % thing["id"]
        resp.media = thing

    def on_get_one(self, req, resp, number):
        if number not in self._things:
            raise falcon.HTTPNotFound()
        resp.media = self._things[number]
        resp.etag = hashlib.sha256(json.dumps(resp.media).encode()).hexdigest()

    def on_delete_one(self, req, resp, number):
        self._things.pop(number, None)
        resp.status = falcon.HTTP_NO_CONTENT


class Streams:
    def on_get(self, req, resp):
        count = req.get_param_as_int("count", required=True, min_value=1, max_value=1000)
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = (b"%d\n" % i for i in range(count))

    def on_post(self, req, resp):
        digest, size = hashlib.sha256(), 0
        while True:
            block = req.bounded_stream.read(8192)
            if not block:
                break
            digest.update(block)
            size += len(block)
        resp.media = {"sha256": digest.hexdigest(), "size": size}


class Archive:
    def on_get(self, req, resp):
        content = b"0123456789abcdef" * 16384
        resp.content_type = "application/octet-stream"
        resp.set_stream(io.BytesIO(content), len(content))
        resp.downloadable_as = "archive.bin"

    on_head = on_get


class Forms:
    def on_post(self, req, resp):
        parts = []
        for part in req.get_media():
            content = part.stream.read()
            parts.append({"name": part.name, "filename": part.filename, "type": part.content_type, "size": len(content)})
        resp.media = parts


class Cookies:
    def on_get(self, req, resp):
        resp.media = req.cookies
        resp.set_cookie("one", "1", secure=False, same_site="Lax")
        resp.set_cookie("two", "2", secure=False, path="/", http_only=False)


class Failure:
    def on_get(self, req, resp):
        raise KeyError("on purpose")


def sink(req, resp, **kwargs):
    resp.media = {
        "sunk": req.method,
        "path": req.path,
        "app": req.root_path,
        "uri": req.relative_uri,
        "params": req.params,
        "remote": req.remote_addr,
        "rest": kwargs.get("rest"),
    }


def key_error(req, resp, ex, params):
    raise falcon.HTTPServiceUnavailable(title="Later", description=str(ex), retry_after=30)


application = falcon.App(middleware=[Trace()])
things = Things()
application.add_route("/things", things)
application.add_route("/things/{number:int}", things, suffix="one")
application.add_route("/streams", Streams())
application.add_route("/archive", Archive())
application.add_route("/forms", Forms())
application.add_route("/cookies", Cookies())
application.add_route("/fail", Failure())
application.add_sink(sink, r"/sink/(?P<rest>.*)")
application.add_error_handler(KeyError, key_error)
