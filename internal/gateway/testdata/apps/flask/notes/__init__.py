"""Notes that people keep in a session and files that they hand in, with Flask."""

import hashlib
import io

from flask import (
    Flask,
    Response,
    abort,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)

from . import admin


def create_app():
    app = Flask(__name__)
    app.config.update(SECRET_KEY="only for tests", MAX_CONTENT_LENGTH=4 << 20)
    app.register_blueprint(admin.pages, url_prefix="/admin")

    @app.before_request
    def begin():
        g.steps = ["before"]

    @app.after_request
    def end(response):
        response.headers["X-Steps"] = ",".join(g.steps + ["after"])
        response.headers.add("X-Steps", "second")
        return response

    @app.get("/")
    def index():
        g.steps.append("index")
        return render_template("index.html", notes=session.get("notes", []))

    @app.post("/notes")
    def add():
        text = request.form["text"].strip()
        if not text:
            abort(400, "a note has a text")
        session["notes"] = session.get("notes", []) + [text]
        flash("kept: " + text)
        return redirect(url_for("index"))

    @app.get("/notes.json")
    def notes():
        return jsonify(notes=session.get("notes", []), agent=request.user_agent.string)

    @app.put("/echo")
    def echo():
        return request.get_json()

    @app.post("/files")
    def files():
        return jsonify(
            {
                name: {
                    "filename": f.filename,
                    "type": f.mimetype,
                    "sha256": hashlib.sha256(f.read()).hexdigest(),
                }
                for name, f in sorted(request.files.items())
            },
        )

    @app.get("/lines/<int:n>")
    def lines(n):
        @stream_with_context
        def generate():
            for i in range(n):
                yield "%s %d\n" % (request.args["word"], i)

        return Response(generate(), mimetype="text/plain")

    @app.get("/picture")
    def picture():
        content = bytes(range(256)) * 1024
        return send_file(io.BytesIO(content), "image/x-test", as_attachment=True, download_name="zeichnung-ä.img", etag="fixed")

    @app.get("/source")
    def source():
        return send_file(__file__, conditional=True, max_age=60)

    @app.get("/fail")
    def fail():
        raise RuntimeError("on purpose")

    @app.errorhandler(404)
    def missing(error):
        return render_template("missing.html", path=request.path), 404

    @app.errorhandler(RuntimeError)
    def failed(error):
        return {"error": str(error)}, 503, {"Retry-After": "7"}

    return app
