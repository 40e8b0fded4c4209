"""`heliograph sim population validate`: what a real server does under loads that the calibration
has not seen, predicted first, and measured afterwards. See docs/simulation.md."""
