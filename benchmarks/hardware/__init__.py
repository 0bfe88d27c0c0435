"""The machine: description, memory, clocks, power, and what it can do at most.

May be imported by measuring, reporting and the benchmarks.
"""
