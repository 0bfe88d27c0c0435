#!/bin/sh
# Runs every test marked `gpu` and writes what ran, what failed and what was not run, with the
# machine it ran on, as JSON. Installs nothing: PYTHON names an environment that holds the SDK with
# what is to be checked (pycuda, cuda-bindings, onnxruntime-gpu, torch, tensorrt or tensorrt_rtx,
# pytest). Without TensorRT the CUDA layer runs a kernel of its own, and ONNX Runtime the network.
#
#   scripts/gpu_check.sh [REPORT.json]      default: gpu-report.json; exit code 1: a test failed,
#                                           2: nothing ran at all
set -u
report=$(realpath -m "${1:-gpu-report.json}")
python=${PYTHON:-python3}
cd "$(dirname "$0")/.." || exit 2
results=$(mktemp)
trap 'rm -f "$results"' EXIT
"$python" -m pytest -m gpu -q -p no:cacheprovider --junitxml="$results" tests/gpu || true
exec "$python" scripts/gpu_report.py "$results" "$report"
