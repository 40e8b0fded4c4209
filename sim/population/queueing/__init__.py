"""How long work waits in the processes of a server: one host event by event (`exact`), the same in
bins of 5 ms for many at once (`station`, with `noise` for what happens within a bin), and formulas
that both are held to (`closed`, `bulk`)."""
