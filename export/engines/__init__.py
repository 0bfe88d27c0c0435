"""TensorRT engines: the plan of a build, its checks, the build itself, refitting.

Imported by the command `export.build_engine`; imports `export.precisions`.
"""
