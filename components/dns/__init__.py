"""The zones: which records exist, derived from the machines and from what is declared."""
