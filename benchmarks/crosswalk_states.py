"""Every state that the crosswalk's state machine can reach in bounded worlds, and the promises broken in them."""

from benchmarks.figures import Detail, Figure
from benchmarks.scene import Context
from devices.crosswalk.exploration import explore
from devices.crosswalk.worlds import MODELS, PromiseError

QUICK = ("people",)


def measure(context: Context) -> list[Figure]:
    """The figures. It is the same in every run; a quick one leaves the larger worlds out."""
    states = moves = broken = 0
    details: dict[str, Detail] = {}
    for name, (settings, tries) in MODELS.items():
        if name not in QUICK and context.quick:
            continue
        context.say(f"every state of the world '{name}', {len(tries)} moves in each")
        try:
            explored = explore(settings, tries)
        except PromiseError as error:
            broken += 1
            details[name] = str(error)
            continue
        details[name] = explored.states
        details[f"{name}: seconds until dark"] = explored.slowest_quiet
        states += explored.states
        moves += explored.moves
    return [
        Figure("crosswalk_states.broken_promises", broken, at_most=0, details={"moves": moves}),
        Figure("crosswalk_states.states", states, details=details),
    ]
