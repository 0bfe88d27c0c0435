"""What the trainings of detector and landmark refiner share: backbone, loop, files, flags.

May be imported by landmarks and detector.
"""
