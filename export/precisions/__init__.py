"""Lower precisions of an ONNX: FP16, BF16, FP8, calibration, and whether faces stay the same.

Imported by the commands of `export` and by `export.engines`; imports no other room of `export`.
"""
