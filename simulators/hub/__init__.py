"""A school with wired panic buttons: boxes, cables, analog modules on RS-485, below an unmodified hub."""
