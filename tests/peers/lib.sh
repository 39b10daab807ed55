# Read by every start script: the scratch directory, and the filling in of templates.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
apps=$(cd "$here/../apps" && pwd)
venv=$here/../../../target/peers
: "${PEER_DIR:?the scratch directory of this peer}"
: "${PEER_PORT:?the TCP port of this peer on 127.0.0.1}"
mkdir -p "$PEER_DIR"
chmod 755 "$PEER_DIR"
PEER_DIR=$(cd "$PEER_DIR" && pwd)
export PYTHONDONTWRITEBYTECODE=1

# Nobody listens on the discard port.
nobody=127.0.0.1:9

# fill TEMPLATE OUT NAME=VALUE...: puts VALUE where the template has @NAME@;
# @DIR@ and @PORT@ are always known. No value may contain `|`, `&` or `\`.
fill() {
    in=$1 out=$2
    shift 2
    cp "$in" "$out"
    for pair in "DIR=$PEER_DIR" "PORT=$PEER_PORT" "$@"; do
        sed -i "s|@${pair%%=*}@|${pair#*=}|g" "$out"
    done
}
