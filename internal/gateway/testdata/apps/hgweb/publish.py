"""Publishes the repository beside this file, as Mercurial's documentation has it."""

import os

from mercurial import demandimport

demandimport.enable()

from mercurial.hgweb import hgweb

config = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hgweb.config")
application = hgweb(config.encode())
