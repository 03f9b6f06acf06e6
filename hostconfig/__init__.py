"""How a machine becomes itself: pure plans of a host's ground state, and a thin pyinfra layer that carries them out."""
