"""The networks that are measured and the runtimes that run them.

May be imported by the benchmarks.
"""
