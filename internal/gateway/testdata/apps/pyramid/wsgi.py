from guestbook import main

application = main({}, **{"pyramid.default_locale_name": "en"})
