"""From a portrait to rendered views: head, mesh, light, texture, camera, shards.

May be imported by landmarks, detector and `train.data.render`.
"""
