"""A class by URL: GET /signals/3 asks a fresh instance of it, by the method that is called like that of the request."""

import time


class signals:
    def GET(self):
        name = self.env["path_info"].rstrip("/").rpartition("/")[2]
        position = "clear track" if int(time.time()) // 10 % 2 else "stop"
        self.send_response("Signal %s: %s\n" % (name, position), headers={"Content-Type": "text/plain; charset=utf-8"})
