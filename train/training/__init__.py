"""The training itself: read `loop` first, then `run`, `objective`, `losses`, `checkpoints`.

May be imported by recogniser_training, evaluation, small, export and the commands.
"""
