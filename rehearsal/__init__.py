"""The rehearsal: the whole fleet on one machine, an embedded cloud in front of test hosts."""
