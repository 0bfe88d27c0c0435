"""How well a synthesis keeps who a person is: the parts behind `python -m train.evaluate`."""
