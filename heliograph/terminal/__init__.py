"""`heliograph chat`: the client for the terminal.

text      strings of other people made harmless; sizes and times in words
commands  what is typed into the input line; `paths` in it
model     what is shown, as updates change it: pure, without a terminal or a connection
view      the model as styled lines; `media` those of files, `meter` how far one is
messenger the model and a `heliograph.Client` together; `transfers` are files on their way
actions   commands carried out
app       the Textual app; `screens` and `widgets` are its parts
login     where the login is kept, and that one client at a time uses it
script    log in, send and save without a terminal
command   the command line
"""
