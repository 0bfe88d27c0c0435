"""Face recognisers behind one interface: for the identity loss and for the evaluation."""

from .base import FaceNetwork, Recogniser
from .weights import NETWORKS, load_recogniser, read_network

__all__ = ["NETWORKS", "FaceNetwork", "Recogniser", "load_recogniser", "read_network"]
