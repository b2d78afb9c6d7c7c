# What MicroPython runs first, and after a soft reset alone where somebody is at the prompt: nobody feeds the watchdog there.
import machine

# main.py makes it short. A board that is forgotten at the prompt goes back to work after a day.
machine.WDT(timeout=86_400_000)
