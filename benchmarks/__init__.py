"""`python -m benchmarks`: how fast, against what, how near the limit, and where the time goes.

The modules here are the benchmarks, each a command of its own; the rooms hold
what they share. Imported by nothing.
"""
