"""What a recording is: what its signed events say, how its segments are sealed for a custodian, and what its bytes are.

Below the devices that record and the center that proves and exports what they recorded, so that there is one description of each format.
No I/O but a custodian's key file, nothing of the agent's runtime. A device never loads ``unseal``. This package file imports nothing.
"""
