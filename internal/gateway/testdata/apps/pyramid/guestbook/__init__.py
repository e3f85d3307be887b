"""A guest book, with Pyramid."""

from pyramid.config import Configurator
from pyramid.csrf import CookieCSRFStoragePolicy
from pyramid.session import SignedCookieSessionFactory

from .models import Entries


def main(global_config, **settings):
    with Configurator(settings=settings) as config:
        config.set_session_factory(SignedCookieSessionFactory("only for tests"))
        config.set_csrf_storage_policy(CookieCSRFStoragePolicy())
        config.registry.entries = Entries()
        config.include("pyramid_jinja2")
        config.add_static_view("static", "guestbook:static", cache_max_age=60)
        config.add_route("index", "/")
        config.add_route("sign", "/sign")
        config.add_route("entries", "/entries.json")
        config.add_route("entry", r"/entries/{number:\d+}")
        config.add_route("rest", "/rest/*path")
        config.add_route("download", "/download")
        config.add_route("stream", "/stream")
        config.add_route("fail", "/fail")
        config.add_tween("guestbook.tweens.numbered")
        config.scan()
    return config.make_wsgi_app()
