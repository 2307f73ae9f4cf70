"""The network of a bundle: made from a Keras model, checked before OpenVINO reads it, and what is known about it."""
