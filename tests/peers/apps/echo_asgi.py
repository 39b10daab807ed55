"""The contract of ../README.md as a bare ASGI application."""

import asyncio
import sys

from echo_common import ODD, asked, dump, lines


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    mode, n = asked(scope["query_string"].decode("latin-1"))

    async def start(status=200, more=()):
        fields = [("Content-Type", "text/plain"), *more]
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        await send({"type": "http.response.start", "status": status, "headers": fields})

    async def part(body):
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(body=b""):
        await send({"type": "http.response.body", "body": body})

    async def sized(body, status=200):
        await start(status, [("Content-Length", str(len(body)))])
        await end(body)

    if mode == "size":
        await sized(lines(n))
    elif mode == "status" and n in (204, 304):
        await start(n)
        await end()
    elif mode == "status":
        await sized(b"status %d\n" % n, n)
    elif mode == "odd":
        await start(more=ODD)
        await end(b"odd\n")
    elif mode == "stderr":
        print("stderr line one", file=sys.stderr, flush=True)
        await sized(b"body\n")
    elif mode == "slow":
        await start()
        for i in range(n):
            if i:
                await asyncio.sleep(0.05)
            await part(b"chunk %d\n" % i)
        await end()
    elif mode == "chunks":
        await start()
        for _ in range(n):
            await part(lines(65_536))
        await end()
    elif mode == "cut":
        await start(more=[("Content-Length", str(2 * n))])
        await part(lines(n))
        raise RuntimeError("cut on purpose")
    elif mode == "hang":
        await start(more=[("Content-Length", str(2 * n))])
        await part(lines(n))
        await asyncio.sleep(3600)
    elif mode == "nobody":
        await sized(b"ignored\n")
    elif mode == "mirror":
        # Each piece goes back before the next is asked for.
        await start()
        async for piece in pieces(receive):
            await part(piece)
        await end()
    elif mode == "fatal":
        raise RuntimeError("fatal on purpose")
    else:
        body = b"".join([piece async for piece in pieces(receive)])
        await sized(dump("asgi", scope["method"], body, pairs(scope)))


async def pieces(receive):
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise ConnectionError("the client has left")
        if event.get("body"):
            yield event["body"]
        if not event.get("more_body"):
            return


def pairs(scope):
    for name, value in scope["headers"]:
        yield b"header " + name, value
    for name in ("http_version", "path", "root_path", "scheme"):
        yield name, scope[name]
    for name in ("raw_path", "query_string"):
        yield name, scope[name]
    yield "client", str((scope.get("client") or [None])[0])
