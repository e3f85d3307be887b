"""Pages for those who know the password."""

from flask import Blueprint, Response, request

pages = Blueprint("admin", __name__)


@pages.before_request
def check():
    who = request.authorization
    if who is None or (who.username, who.password) != ("ada", "lovelace"):
        return Response("who are you?", 401, {"WWW-Authenticate": 'Basic realm="notes"'})


@pages.get("/<path:page>")
def page(page):
    return {"page": page, "script": request.script_root, "url": request.url, "query": request.query_string.decode()}
