"""From crops through the network to pictures, on the host or on the GPU.

May be imported by frontalizer alone.
"""
