"""Model files: inputs, the ONNX, the JSON sidecar beside it, and those of the package.

May be imported by faces, detectors, gpu, backends, pipeline, frontalizer and cli.
"""
