# The block device of the flash, where an ESP32 has it.
bdev = None
