"""From a checkpoint to ONNX, lower precisions and TensorRT engines.

May be imported by train.auxiliary, train.landmarks, train.detector and benchmarks.
"""
