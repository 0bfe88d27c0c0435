"""The operating system: cores, and files that are written whole.

May be imported by backends and cli.
"""
