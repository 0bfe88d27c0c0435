#!/bin/sh
# Runs every test marked `gpu` and writes what ran, what failed, what was not run and what was
# measured, with the machine it ran on, as JSON. Installs nothing: PYTHON names an environment that
# holds the SDK with what is to be checked (pycuda, cuda-bindings, onnxruntime-gpu, torch, tensorrt
# or tensorrt_rtx, pytest). With cmake, nvcc and compute-sanitizer on the PATH the kernels are built
# for this GPU, compared with the reference, checked and timed; that needs pytest alone. Without
# TensorRT the CUDA layer runs a kernel of its own, frames go through a network that copies, and
# ONNX Runtime runs the real one.
#
#   scripts/gpu_check.sh [REPORT.json [TESTS...]]
#
# By default all of tests/gpu, into docs/gpu-report.json. Exit code 1: a test failed, 2: nothing ran.
set -u
root=$(realpath "$(dirname "$0")/..")
report=$(realpath -m "${1:-$root/docs/gpu-report.json}")
python=${PYTHON:-python3}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- tests/gpu
cd "$root" || exit 2
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"  # not installed is enough
results=$(mktemp)
trap 'rm -f "$results"' EXIT
"$python" -m pytest -m gpu -q -p no:cacheprovider --junitxml="$results" "$@" || true
exec "$python" scripts/gpu_report.py "$results" "$report"
