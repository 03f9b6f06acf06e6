"""The embedded cloud's failures that are about the rehearsal itself, not about what a program asked for."""


class RehearsalError(Exception):
    """Something the person at the terminal can put right; the text says how."""
