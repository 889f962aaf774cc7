"""Tells on stdout what it is doing."""
from honest import line_of, say, serve

serve(lambda message: say("loading the model ...\n" + line_of(message)))
