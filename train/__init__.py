"""Training, rendering and evaluation. The modules here are commands: `python -m train.NAME`.

May be imported by export (networks, checkpoints, recognisers) and benchmarks; never by tpgan_sdk.
"""
