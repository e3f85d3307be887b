"""Shows what it is given."""

import json  # of the library, whatever is beside this file


class Environ:
    def GET(self, env):
        shown = {key: value for key, value in env.items() if isinstance(value, str)}
        shown['same'] = self.env is env
        shown['input'] = type(env['wsgi.input']).__name__
        return json.dumps(shown)

    def POST(self, env):
        return env['wsgi.input'].read()
