"""Backbone + head + loss -> a Keras model; freezing; optimizers."""
