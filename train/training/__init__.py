"""The training itself: read `loop` first, then `run`, `objective`, `losses`, `keeper`.

May be imported by recogniser_training, evaluation, small, export and the commands.
"""
