"""`python -m benchmarks`: how fast, against what, how near the limit, and where the time goes."""
