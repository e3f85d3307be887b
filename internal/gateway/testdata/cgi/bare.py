#!/usr/bin/env python3
# A script without a header block: its argument is a form's value.
import sys

print("<html><body>Hello, %s</body></html>" % (sys.argv[1] if len(sys.argv) > 1 else "nobody"))
