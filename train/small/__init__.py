"""What the trainings of detector and refiner share: small networks, minutes on a CPU."""
