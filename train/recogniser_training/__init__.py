"""Training of a recogniser: its people, heads and loop.

May be imported by `train.recogniser` alone.
"""
