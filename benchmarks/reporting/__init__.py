"""Results as JSON files, and the tables and plots of the docs.

May be imported by the benchmarks.
"""
