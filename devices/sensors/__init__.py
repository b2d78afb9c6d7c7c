"""Sensors on wires: decoders and encoders of what they speak, one reader for serial lines, and the judgement whether a sensor is well."""
