"""One class that answers requests, whatever its name, made with env, on the base class."""

from highball import Handler
from kv55 import Kv55  # not its own


class Trouble(Exception):
    pass


class _Hidden:
    def GET(self):
        return 'hidden'


class Anything(Handler):
    __slots__ = ('made_with',)

    def __init__(self, env):
        self.made_with = env

    def send_response(self, response, status='200 Ok', headers=None):
        super().send_response('<%s>' % response, status, headers)

    def GET(self, *arguments):
        if self.made_with['query_string'] == 'missing':
            self.send_not_found()
        elif arguments == (self.made_with,):
            self.send_response('sole')
