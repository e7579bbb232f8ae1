#!/bin/sh
# The same shapes through other engines and refatom, alternating, in one run. Sets up its own Python environment outside the tree.
#
#   bench/peers/run.sh REFATOM [run.py's options]       REFATOM: the program, such as build/refatom
#   bench/peers/run.sh --gpu REFATOM [gpu.py's options] PyTorch and refatom on a GPU; status 77 where none is
#
# The environment is made once under ${XDG_CACHE_HOME:-~/.cache}/refatom-peers (REFATOM_PEERS names another folder); several gigabytes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
script=run.py
if [ "${1:-}" = --gpu ]; then
    script=gpu.py
    shift
fi
home=${REFATOM_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/refatom-peers}
if [ ! -x "$home/bin/python" ]; then
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --requirement "$here/requirements.txt"
    # ggml for the selective scan: compiled here, for this processor. Without it that row is left out.
    "$home/bin/pip" install --quiet ggml-python || echo "run.sh: ggml-python could not be built; its row is left out" >&2
fi
exec "$home/bin/python" "$here/$script" --work "$home" "$@"
