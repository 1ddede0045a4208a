"""Learned initialisations for coordinate-based networks: models, meta-updates and rendering kernels in JAX.

Read the modules in this order: structures, models, losses, fit, meta, training, evaluate, inits, weights.
"""
