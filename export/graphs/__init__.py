"""ONNX graphs: from a torch network, and rewritten without changing the result.

Imported by every other room of `export`; imports none of them.
"""
