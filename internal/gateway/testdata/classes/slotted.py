"""An instance without a dictionary."""


class Slotted:
    __slots__ = ()

    def GET(self, env):
        self.send_response(env['path_info'])
