"""The contract of ../README.md behind Flask."""

import time

from echo_common import ODD, asked, dump, lines
from flask import Flask, Response, request

app = Flask(__name__)
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


def text(body, status=200):
    return Response(body, status=status, mimetype="text/plain")


@app.route("/", defaults={"path": ""}, methods=METHODS)
@app.route("/<path:path>", methods=METHODS)
def echo(path):
    env = request.environ
    mode, n = asked(env["QUERY_STRING"])
    if mode == "size":
        return text(lines(n))
    if mode == "status":
        return text(b"" if n in (204, 304) else b"status %d\n" % n, n)
    if mode == "odd":
        answer = text(b"odd\n")
        for name, value in ODD:
            answer.headers.add(name, value)
        return answer
    if mode == "stderr":
        env["wsgi.errors"].write("stderr line one\n")
        env["wsgi.errors"].flush()
        return text(b"body\n")
    if mode == "slow":
        return text(slow(n))
    if mode == "chunks":
        return text(lines(65_536) for _ in range(n))
    if mode == "cut":
        answer = text(cut(n))
        answer.headers["Content-Length"] = str(2 * n)
        return answer
    if mode == "hang":
        answer = text(hang(n))
        answer.headers["Content-Length"] = str(2 * n)
        return answer
    if mode == "nobody":
        return text(b"ignored\n")
    if mode == "hints":
        env["wsgi.early_hints"]([("Link", "</style.css>; rel=preload")])
        return text(b"hinted\n")
    if mode == "mirror":
        return Response(request.get_data(), mimetype="application/octet-stream")
    if mode == "fatal":
        raise RuntimeError("fatal on purpose")
    pairs = [(name, value) for name, value in env.items() if isinstance(value, str)]
    return text(dump("flask", env["REQUEST_METHOD"], request.get_data(), pairs))


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
