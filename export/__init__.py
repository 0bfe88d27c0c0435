"""From a checkpoint to ONNX, lower precisions and TensorRT engines.

May be imported by train.small, train.landmarks, train.detector and benchmarks.
"""
