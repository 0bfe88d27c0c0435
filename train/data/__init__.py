"""Data sets: shards, examples, augmentation, Multi-PIE, CSV pairs, LFW, CFP and splits.

May be imported by every room except networks, recognisers and small.
"""
