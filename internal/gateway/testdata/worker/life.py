"""An application for what concerns a worker's life."""

import atexit
import os
import signal
import subprocess
import sys

atexit.register(print, 'atexit has run')

CHILD = '''
import os, signal
found = []
for n in range(8):
    try:
        os.fstat(n)
        found.append(str(n))
    except OSError:
        pass
print(*found, 'default' if signal.getsignal(signal.SIGINT) == signal.default_int_handler else 'other')
'''


def app(environ, start_response):
    body = b'well'
    if environ['PATH_INFO'] == '/child':
        body = subprocess.run([sys.executable, '-c', CHILD], stdout=subprocess.PIPE, close_fds=False).stdout.strip()
    if environ['PATH_INFO'] == '/random':
        import random
        body = ('%d %.17f' % (os.getpid(), random.random())).encode()
    if environ['PATH_INFO'] == '/exit':
        os._exit(9)
    print('a line of output')
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [body]
