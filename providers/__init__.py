"""The project's own Pulumi providers, and the base they share with the rehearsal's stand-ins."""
