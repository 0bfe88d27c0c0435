"""The detector of the package: network, examples, learn, evaluate, export.

Imported by nothing.
"""
