"""Population: models of millions of users; see docs/simulation.md."""
