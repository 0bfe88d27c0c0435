#!/bin/sh
# From a bare JetPack 6 or 7 to benchmarks/results/*.json: makes the environment, builds the
# engine, sets power mode and clocks, runs `python -m benchmarks`, puts mode and clocks back.
# Asks for the password of sudo once; see docs/jetson.md.
#
#   scripts/jetson_benchmark.sh [--mode N] [--output FOLDER] [-- ARGUMENTS OF python -m benchmarks]
#   scripts/jetson_benchmark.sh --check        only says what the board lacks
#
# PIP_FLAGS is handed to pip, as to name a source of torch. PROFILE names a profile of engines/;
# default: by the board's name.
set -eu
cd "$(dirname "$0")/.."
environment=.venv-jetson
PATH=$PATH:/usr/local/cuda/bin:/usr/sbin # nvcc, for pycuda; nvpmodel
export PATH

profile() {
    case $(tr -d '\0' </proc/device-tree/model) in
    *Orin\ Nano*) echo jetson-orin-nano ;;
    *Orin\ NX*) echo jetson-orin-nx ;;
    *AGX\ Orin*) echo jetson-agx-orin ;;
    *Thor*) echo jetson-thor ;;
    *) echo "no profile of this board: $(tr -d '\0' </proc/device-tree/model)" >&2; return 1 ;;
    esac
}

if [ ! -e "$environment/.installed" ]; then
    # With JetPack's own packages in sight: TensorRT is among them, and on no index.
    python3 -m venv --clear --system-site-packages "$environment"
    # shellcheck disable=SC2086
    "$environment/bin/pip" install ${PIP_FLAGS:-} '.[cpu,tensorrt,export]'
    touch "$environment/.installed"
fi
python=$environment/bin/python
"$python" -m benchmarks.jetson --check
[ "${1:-}" != --check ] || exit 0
"$python" -m export.build_engine --profile "${PROFILE:-$(profile)}"
exec "$python" -m benchmarks.jetson "$@"
