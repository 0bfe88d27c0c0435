"""The GPU: CUDA, frames in its memory, DLPack, transfers, kernels and their arguments.

May be imported by backends, pipeline, frontalizer and cli.
"""
