"""A board's flash chip in memory, for LittleFS on the MicroPython unix port: its wear is counted, and its power can go at any moment."""
