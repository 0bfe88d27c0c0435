"""The landmark refiner: network, examples, learn, evaluate, export, as in `train.detector`.

May be imported by detector, for its evaluation.
"""
