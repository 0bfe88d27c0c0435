"""The landmark refiner: data, network, training and evaluation."""
