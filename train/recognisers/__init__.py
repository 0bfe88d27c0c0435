"""Face recognisers behind one interface: for the identity loss and for the evaluation.

May be imported by training, recogniser_training, evaluation and export.
"""

from .base import FaceNetwork, Recogniser
from .weights import NETWORKS, load_recogniser, read_network

__all__ = ["NETWORKS", "FaceNetwork", "Recogniser", "load_recogniser", "read_network"]
