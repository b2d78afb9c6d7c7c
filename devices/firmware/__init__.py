"""What only a microcontroller needs: firmware in MicroPython on ESP32-class boards, made of the same contract, journal and device logic."""
