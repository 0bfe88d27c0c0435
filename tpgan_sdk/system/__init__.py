"""The operating system: cores, files that are written whole, OpenCV's libraries.

May be imported by images, faces, detectors, backends, pipeline and cli.
"""
