"""The contract of ../README.md as a bare WSGI application."""

import time

from echo_common import ODD, asked, dump, lines


def application(env, start):
    mode, n = asked(env["QUERY_STRING"])

    def text(body, status="200 OK", more=()):
        start(status, [("Content-Type", "text/plain"), *more])
        return body

    def sized(body, status="200 OK"):
        shown = [] if env["REQUEST_METHOD"] == "HEAD" else [body]
        return text(shown, status, [("Content-Length", str(len(body)))])

    if mode == "size":
        # A body to HEAD too, as some applications have it.
        return text([lines(n)], more=[("Content-Length", str(n))])
    if mode == "status":
        return text([], "%d Chosen" % n) if n in (204, 304) else sized(b"status %d\n" % n, "%d Chosen" % n)
    if mode == "odd":
        return text([b"odd\n"], more=ODD)
    if mode == "stderr":
        env["wsgi.errors"].write("stderr line one\n")
        env["wsgi.errors"].flush()
        return text([b"body\n"])
    if mode == "slow":
        return text(slow(n))
    if mode == "chunks":
        return text(lines(65_536) for _ in range(n))
    if mode == "cut":
        return text(cut(n), more=[("Content-Length", str(2 * n))])
    if mode == "hang":
        return text(hang(n), more=[("Content-Length", str(2 * n))])
    if mode == "nobody":
        return sized(b"ignored\n")
    body = read(env)
    if mode == "mirror":
        return sized(body)
    pairs = [(name, value) for name, value in env.items() if isinstance(value, str)]
    return sized(dump("wsgi", env["REQUEST_METHOD"], body, pairs))


def read(env):
    length = int(env.get("CONTENT_LENGTH") or 0)
    return env["wsgi.input"].read(length) if length else b""


def slow(n):
    for i in range(n):
        if i:
            time.sleep(0.05)
        yield b"chunk %d\n" % i


def hang(n):
    yield lines(n)
    time.sleep(3600)


def cut(n):
    yield lines(n)
    raise RuntimeError("cut on purpose")
