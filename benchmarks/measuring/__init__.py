"""How time is measured: in turns, by stages, cold, and in training.

May be imported by inference and the benchmarks.
"""
