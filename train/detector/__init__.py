"""The detector in the package: data, network, training, export and evaluation."""
