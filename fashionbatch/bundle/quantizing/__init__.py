"""float32 graph and calibration images -> the same network in 8 bits, by a named way."""
