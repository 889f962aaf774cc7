"""Answers another request than the one it was asked."""
from honest import line_of, say, serve

serve(lambda message: say(line_of({**message, "seq": 12345})))
