#!/usr/bin/env python3
print("Content-Type: text/plain\n")
for n in range(30000):
    print("line %d" % n)
