"""What of a fleet outlives its workers, its Redis and its clock: the goals of `fleets.py`, by what fails."""
