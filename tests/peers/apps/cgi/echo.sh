#!/bin/sh
# The contract of ../../README.md as a CGI program.
set -eu
export LC_ALL=C
mode=echo n=5
IFS='&'
set -f
for pair in ${QUERY_STRING:-}; do
    case $pair in
        m=*) mode=${pair#m=} ;;
        n=*) n=${pair#n=} ;;
    esac
done
unset IFS

# head [STATUS [FIELD...]]
head_of() {
    [ "${1:-200}" = 200 ] || printf 'Status: %s Chosen\r\n' "$1"
    [ $# = 0 ] || shift
    printf 'Content-Type: text/plain\r\n'
    for field in "$@"; do printf '%s\r\n' "$field"; done
    printf '\r\n'
}

# lines LENGTH
lines() { seq -f %07.0f 0 $(($1 / 8)) | head -c "$1"; }

body() { head -c "${CONTENT_LENGTH:-0}"; }

case $mode in
    size)
        head_of 200 "Content-Length: $n"
        lines "$n"
        ;;
    status)
        head_of "$n"
        case $n in
            204 | 304) ;;
            *) echo "status $n" ;;
        esac
        ;;
    odd)
        head_of 200 "X-Utf8: $(printf '\305\276lu\305\245ou\304\215k\303\275 k\305\257\305\210')" \
            "X-Latin1: $(printf 'caf\351')" 'X-Empty: ' 'Set-Cookie: a=1' 'Set-Cookie: b=2; Path=/' 'x-lower-Case: Yes'
        echo odd
        ;;
    stderr)
        echo 'stderr line one' >&2
        head_of
        echo body
        echo 'stderr line two' >&2
        ;;
    slow)
        head_of
        i=0
        while [ "$i" -lt "$n" ]; do
            [ "$i" = 0 ] || sleep 0.05
            echo "chunk $i"
            i=$((i + 1))
        done
        ;;
    chunks)
        head_of
        for _ in $(seq "$n"); do lines 65536; done
        ;;
    cut)
        head_of 200 "Content-Length: $((2 * n))"
        lines "$n"
        exit 1
        ;;
    nobody)
        head_of
        echo ignored
        ;;
    mirror)
        head_of 200 "Content-Length: ${CONTENT_LENGTH:-0}"
        body
        ;;
    fatal)
        echo 'fatal on purpose' >&2
        exit 1
        ;;
    *)
        head_of
        printf 'peer: cgi\nmethod: %s\n' "$REQUEST_METHOD"
        # The end of what gzip writes: CRC-32 and length, the lowest byte first (RFC 1952, 2.3.1).
        body | gzip -1 | tail -c 8 | od -An -v -tu1 |
            awk '{ printf "body-len: %d\nbody-crc: %02x%02x%02x%02x\n\n", (($8 * 256 + $7) * 256 + $6) * 256 + $5, $4, $3, $2, $1 }'
        # As it was handed over.
        od -An -v -tu1 "/proc/$$/environ" | awk '{
            for (i = 1; i <= NF; i++)
                if ($i == 0) printf "\n"
                else if ($i < 32 || $i > 126 || $i == 92) printf "\\x%02x", $i
                else printf "%c", $i
        }' | sort
        ;;
esac
