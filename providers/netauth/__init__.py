"""The project's own provider of a NetAuth server's entries, and of the ledger of people."""
