"""A class with all methods, in lower case and without arguments."""

made = 0


class every:
    def __init__(self):
        global made
        made += 1
        self.number = made

    def say(self):
        self.send_response('%s %s' % (self.env['request_method'], self.env['path_info']), headers=[('X-Instance', self.number)])

    get = post = put = patch = delete = options = say

    def head(self):
        self.send_response(None, headers={'X-Own': 'head', 'Content-Length': 7})
