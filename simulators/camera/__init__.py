"""A simulated camera: the module ``picamera2`` as the product finds it, a moving scene with real H.264 and sound, and what can go wrong."""
