"""`heliograph sim population calibrate`: what turns, frames, commits and processes take, measured
with the real thing on this machine."""
