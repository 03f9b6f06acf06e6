"""The embedded cloud: strict stand-ins for the official providers, met only inside the rehearsal."""
