"""Population: models of millions of users; see docs/population.md."""
