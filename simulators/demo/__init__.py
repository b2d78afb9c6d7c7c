"""The demonstration: a whole site as separate processes, every press followed from the finger to the lamp."""
