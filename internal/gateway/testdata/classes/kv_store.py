"""Several classes; that with the name of the module answers."""

import collections


class Other:
    def GET(self):
        return 'other'


class KvStore(collections.UserDict):
    def POST(self):
        return 'stored'
