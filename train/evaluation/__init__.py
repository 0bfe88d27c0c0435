"""Evaluation: does the synthesis keep who a person is?

May be imported by `train.evaluate` alone.
"""
