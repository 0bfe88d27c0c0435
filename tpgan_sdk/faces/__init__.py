"""Faces: the network's crops, better landmarks, larger pictures, and faces pasted back.

May be imported by gpu, backends, pipeline, frontalizer and cli.
"""
