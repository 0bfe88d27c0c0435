"""TensorRT: engine files and their cache, loader, parity gate, runtime and backend.

May be imported by backends and cli.
"""
