#!/usr/bin/python3
"""The contract of ../../README.md as a CGI program."""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from echo_common import ODD, asked, dump, lines  # noqa: E402

out = sys.stdout.buffer
# As it was handed over: Python adds a variable of its own where there is no locale.
with open("/proc/self/environ", "rb") as environ:
    env = dict(pair.split(b"=", 1) for pair in environ.read().split(b"\0")[:-1])
mode, n = asked(env.get(b"QUERY_STRING", b"").decode("latin-1"))


def head(more=(), status=None):
    if status:
        out.write(b"Status: %d Chosen\r\n" % status)
    for name, value in [("Content-Type", "text/plain"), *more]:
        out.write(("%s: %s\r\n" % (name, value)).encode("latin-1"))
    out.write(b"\r\n")


def sized(body, status=None):
    head([("Content-Length", len(body))], status)
    out.write(body)


def read():
    length = int(env.get(b"CONTENT_LENGTH") or 0)
    return sys.stdin.buffer.read(length)


if mode == "size":
    sized(lines(n))
elif mode == "status" and n in (204, 304):
    head(status=n)
elif mode == "status":
    sized(b"status %d\n" % n, n)
elif mode == "odd":
    head(ODD)
    out.write(b"odd\n")
elif mode == "stderr":
    print("stderr line one", file=sys.stderr, flush=True)
    sized(b"body\n")
    out.flush()
    print("stderr line two", file=sys.stderr, flush=True)
elif mode == "slow":
    head()
    for i in range(n):
        if i:
            time.sleep(0.05)
        out.write(b"chunk %d\n" % i)
        out.flush()
elif mode == "chunks":
    head()
    for _ in range(n):
        out.write(lines(65_536))
elif mode == "cut":
    head([("Content-Length", 2 * n)])
    out.write(lines(n))
    out.flush()
    raise RuntimeError("cut on purpose")
elif mode == "nobody":
    sized(b"ignored\n")
elif mode == "mirror":
    sized(read())
elif mode == "fatal":
    raise RuntimeError("fatal on purpose")
else:
    sized(dump("cgi", env[b"REQUEST_METHOD"].decode("latin-1"), read(), env.items()))
