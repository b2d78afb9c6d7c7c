"""The weather over the street, and what it does to a radar and to an infrared sensor. A model's figures, reasons beside them.

*Radar, 24 GHz.* Over ten metres rain takes nothing away (ITU-R P.838: some 4 dB per *kilo*metre at 25 mm/h). What it does is move: drops
fall at 4 to 9 m/s and flakes at 1 to 2 m/s, the speeds of people, so near clutter becomes short-lived targets; wet snow on the cover eats a
few decibels. *Passive infrared* sees the difference between a person's surface and what is behind: large in the cold, next to nothing at
30 degrees. Wind moves warm and cold air; sun on snow and warm engines do the same.

The winter's rates are set so that each sensor alone behaves as field trials found at -34 to 0 degrees: infrared and microwave detectors
stayed sensitive, but fewer than half of their detections were right (TRB 01334628, 8,225 detections). A test holds them to it. The other
rates are assumptions.
"""

import dataclasses

SKIN_C = 33.0
CLOTHED = 0.35
"""Of the way from the air to the skin that a dressed person's surface has gone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Weather:
    """One weather.

    Args:
        air_c: of the air.
        ground_c: of what is behind people: warmer than the air in the sun.
        radar_look: part of a radar's looks at a walking person that succeed.
        radar_ghosts: short-lived targets a minute that are nobody.
        radar_ghost_s: how long such a one lasts, on average.
        pir_gusts: moments a minute in which an infrared sensor sees what is nobody.
        sun: part of the panel's power at noon.
        grip_m_s2: deceleration that a road gives a driver who means to stop.
    """

    air_c: float
    ground_c: float
    radar_look: float
    radar_ghosts: float
    radar_ghost_s: float
    pir_gusts: float
    sun: float
    grip_m_s2: float

    @property
    def contrast_c(self) -> float:
        """Between a dressed person and what is behind."""
        return abs(self.air_c + CLOTHED * max(0.0, SKIN_C - self.air_c) - self.ground_c)


WEATHERS = {
    "clear": Weather(18.0, 21.0, 0.97, 0.1, 0.3, 0.2, 0.9, 6.5),
    "hot": Weather(30.0, 32.0, 0.97, 0.1, 0.3, 0.5, 1.0, 6.5),
    "wind": Weather(12.0, 13.0, 0.96, 0.6, 0.4, 1.0, 0.6, 6.5),
    "rain": Weather(9.0, 9.0, 0.93, 2.0, 0.3, 0.4, 0.15, 4.5),
    "cold": Weather(-20.0, -22.0, 0.95, 2.4, 0.6, 1.6, 0.5, 4.0),
    "snow": Weather(-6.0, -7.0, 0.88, 3.2, 0.8, 1.6, 0.1, 2.5),
}
WINTER = ("cold", "snow")
