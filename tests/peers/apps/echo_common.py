"""What the applications in Python share. What each mode answers is told in ../README.md."""

import re
import zlib

ODD = [
    ("X-Utf8", "\u017elu\u0165ou\u010dk\u00fd k\u016f\u0148".encode().decode("latin-1")),
    ("X-Latin1", "caf\xe9"),
    ("X-Empty", ""),
    ("Set-Cookie", "a=1"),
    ("Set-Cookie", "b=2; Path=/"),
    ("x-lower-Case", "Yes"),
]


def printable(text):
    """Strings here hold a byte a character, but for what a server has decoded."""
    if isinstance(text, str):
        text = text.encode("latin-1", "backslashreplace")
    return re.sub(rb"[^\x20-\x5b\x5d-\x7e]", lambda m: b"\\x%02x" % m[0][0], text)


def lines(length):
    return b"".join(b"%07d\n" % i for i in range((length + 7) // 8))[:length]


def asked(query):
    """The mode and the number that a query string picks."""
    pairs = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        pairs.setdefault(name, value)
    number = pairs.get("n", "")
    return pairs.get("m", "echo"), int(number) if number.isdigit() else 5


def dump(peer, method, body, pairs):
    head = "peer: %s\nmethod: %s\nbody-len: %d\nbody-crc: %08x\n\n" % (peer, method, len(body), zlib.crc32(body))
    return head.encode() + b"".join(sorted(printable(n) + b"=" + printable(v) + b"\n" for n, v in pairs))
